/* What is written is what is read, by us and by h5py; and the folder always has a newest valid checkpoint. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gd/gd.h"
#include "store_example.h"
#include "test.h"

static char folder[] = "/tmp/gd-store-XXXXXX";

static const char *in_folder(const char *name) {
  static char path[4][256];
  static int turn;
  turn = (turn + 1) % 4;
  snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
  return path[turn];
}

static int files_in_folder(const char *containing) {
  DIR *d = opendir(folder);
  int n = 0;
  for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.' && strstr(e->d_name, containing);
  closedir(d);
  return n;
}

/* Runs python with a script, 77 when its modules are missing. */
static int python(const char *modules, const char *script, const char *file) {
  char command[4096];
  snprintf(command, sizeof command, "/usr/bin/python3 -c 'import %s' 2>/dev/null || exit 77", modules);
  if (system(command) != 0) return 77;
  snprintf(command, sizeof command, "/usr/bin/python3 -c '%s' %s", script, file);
  return system(command);
}

static void what_is_written_is_read(void **state) {
  (void)state;
  example e;
  gd_checkpoint back, *c = example_make(&e, 500);
  assert_ok(gd_checkpoint_write(c, in_folder("a.h5")));
  assert_int_equal(files_in_folder(""), 1);
  assert_ok(gd_checkpoint_read(&back, in_folder("a.h5"), false));
  assert_true(same_checkpoint(c, &back, true));
  gd_checkpoint_free(&back);
  assert_ok(gd_checkpoint_read(&back, in_folder("a.h5"), true));
  assert_true(same_checkpoint(c, &back, false));
  gd_checkpoint_free(&back);

  c->has_best = false, c->n_states = 0, c->n_buffers = 0, c->config = NULL, c->classes = 0,
  c->class_name = NULL;
  c->standardize.features = 0, c->sample_ndim = 0, c->data_digest[0] = 0;
  assert_ok(gd_checkpoint_write(c, in_folder("a.h5")));
  assert_ok(gd_checkpoint_read(&back, in_folder("a.h5"), false));
  assert_string_equal(back.config, "");
  assert_string_equal(back.data_digest, "");
  assert_true(!back.has_best && back.n_states == 0 && back.n_buffers == 0 && !back.class_name);
  assert_true(back.standardize.features == 0 && back.sample_ndim == 0);
  gd_checkpoint_free(&back);
}

/* More than one chunk per array and several states; the order of states is kept as their names are. */
static void large_arrays_and_many_states_are_read(void **state) {
  (void)state;
  enum { ROWS = 301, COLUMNS = 1003, N = ROWS * COLUMNS };
  float *values = malloc(3 * sizeof *values * N);
  for (int i = 0; i < 3 * N; i++) values[i] = (float)i * 0.5f;
  gd_stored param = stored("w", GD_F32, 2, ROWS, COLUMNS, values), m = param, v = param;
  m.data = values + N, v.data = values + 2 * N;
  char name[2][32] = {"exp_avg_sq", "exp_avg"};
  gd_stored *states[2] = {&v, &m};
  gd_checkpoint back,
      c = {.n_params = 1, .param = &param, .n_states = 2, .state_name = name, .state = states};
  assert_ok(gd_checkpoint_write(&c, in_folder("large.h5")));
  assert_ok(gd_checkpoint_read(&back, in_folder("large.h5"), false));
  assert_true(same_array(&param, &back.param[0], true));
  assert_string_equal(back.state_name[0], "exp_avg");
  assert_true(same_array(&m, &back.state[0][0], true));
  assert_string_equal(back.state_name[1], "exp_avg_sq");
  assert_true(same_array(&v, &back.state[1][0], true));
  gd_checkpoint_free(&back);
  free(values);
}

/* HDF5 keeps the links of a large group in another form; names that begin alike keep their states apart. */
static void many_parameters_are_read(void **state) {
  (void)state;
  enum { N = 200 };
  static float values[3 * N];
  static gd_stored param[N], m[N], v[N];
  char name[2][32] = {"m", "m-2"};
  gd_stored *states[2] = {m, v};
  for (int i = 0; i < N; i++) {
    char of[96];
    snprintf(of, sizeof of, "%d.%s", i / 2, i % 2 ? "bias" : "weight");
    for (int k = 0; k < 3; k++) values[3 * i + k] = (float)(3 * i + k);
    param[i] = stored(of, GD_F32, 1, 1, 0, &values[3 * i]);
    m[i] = v[i] = param[i];
    m[i].data = &values[3 * i + 1], v[i].data = &values[3 * i + 2];
  }
  gd_checkpoint back, c = {.n_params = N, .param = param, .n_states = 2, .state_name = name, .state = states};
  assert_ok(gd_checkpoint_write(&c, in_folder("many.h5")));
  assert_ok(gd_checkpoint_read(&back, in_folder("many.h5"), false));
  assert_int_equal(back.n_params, N);
  assert_int_equal(back.n_states, 2);
  for (int i = 0; i < N; i++) {
    assert_true(i == 0 || strcmp(back.param[i - 1].name, back.param[i].name) < 0);
    int k = 0;
    while (strcmp(param[k].name, back.param[i].name) != 0) k++;
    assert_true(same_array(&param[k], &back.param[i], true));
    for (int s = 0; s < 2; s++)
      assert_true(same_array(&states[s][k], &back.state[strcmp(back.state_name[0], name[s]) != 0][i], true));
  }
  gd_checkpoint_free(&back);
}

/* The order in which the caller lists them does not show: neither in the file nor in the digests. */
static void digests_do_not_depend_on_order(void **state) {
  (void)state;
  example e;
  gd_checkpoint back, *c = example_make(&e, 1);
  gd_digest first, swapped, read;
  assert_ok(gd_checkpoint_digest(c, &first));
  gd_stored p = c->param[0], m = c->state[0][0];
  c->param[0] = c->param[3], c->state[0][0] = c->state[0][3];
  c->param[3] = p, c->state[0][3] = m;
  assert_ok(gd_checkpoint_digest(c, &swapped));
  assert_memory_equal(&first, &swapped, sizeof first);
  assert_ok(gd_checkpoint_write(c, in_folder("a.h5")));
  assert_ok(gd_checkpoint_read(&back, in_folder("a.h5"), false));
  assert_ok(gd_checkpoint_digest(&back, &read));
  assert_memory_equal(&first, &read, sizeof first);
  gd_checkpoint_free(&back);
  e.weight[11] += 1e-6f;
  assert_ok(gd_checkpoint_digest(c, &swapped));
  assert_memory_not_equal(&first, &swapped, sizeof first);
}

/* SHA-256 over name NUL type NUL ndim extents bytes, written out here by hand. */
static void the_digest_is_the_documented_one(void **state) {
  (void)state;
  float w[2] = {1, 2};
  gd_stored param = stored("w", GD_F32, 1, 2, 0, w);
  gd_checkpoint c = {.n_params = 1, .param = &param};
  unsigned char bytes[] = {'w', 0, 'f', '3', '2', 0, 1, 0, 0, 0,    0,    0, 0, 0, 2,
                           0,   0, 0,   0,   0,   0, 0, 0, 0, 0x80, 0x3f, 0, 0, 0, 0x40};
  gd_sha256 h;
  gd_sha256_init(&h);
  gd_sha256_add(&h, bytes, sizeof bytes);
  gd_digest expected = gd_sha256_end(&h), found;
  assert_ok(gd_checkpoint_digest(&c, &found));
  assert_memory_equal(&found, &expected, sizeof found);
}

static void what_cannot_be_stored_is_refused(void **state) {
  (void)state;
  example e;
  gd_checkpoint *c = example_make(&e, 1);
  strcpy(c->param[0].name, "a/b");
  assert_int_equal(gd_checkpoint_write(c, in_folder("no.h5")), GD_ERR_USAGE);
  strcpy(c->param[0].name, "0.weight");
  assert_int_equal(gd_checkpoint_write(c, in_folder("no.h5")), GD_ERR_USAGE);
  c = example_make(&e, 1);
  c->param[0].dtype = GD_BF16;
  assert_int_equal(gd_checkpoint_write(c, in_folder("no.h5")), GD_ERR_DTYPE);
  c = example_make(&e, 1);
  assert_int_equal(gd_checkpoint_write(c, "/no/such/folder/a.h5"), GD_ERR_WRITE);
  assert_non_null(strstr(gd_error_last()->message, "/no/such/folder/a.h5"));
  assert_int_equal(files_in_folder("no.h5"), 0);
}

static void h5py_opens_it(void **state) {
  (void)state;
  example e;
  assert_ok(gd_checkpoint_write(example_make(&e, 500), in_folder("a.h5")));
  static const char script[] =
      "import h5py, sys\n"
      "f = h5py.File(sys.argv[1], \"r\")\n"
      "assert sorted(f[\"model\"]) == [\"0.bias\", \"0.weight\", \"1.batches\", \"1.running_mean\", "
      "\"10.scale\", \"2.weight\", \"3.bias\", \"3.weight\"]\n"
      "assert f[\"model/3.bias\"].attrs[\"frozen\"] and \"frozen\" not in f[\"model/2.weight\"].attrs\n"
      "assert f[\"model/0.weight\"].attrs[\"tied\"].split() == [b\"4.weight\", b\"5.weight\"]\n"
      "assert f[\"model/0.weight\"].shape == (4, 3) and f[\"model/0.weight\"].dtype == \"float32\"\n"
      "assert abs(f[\"model/0.weight\"][3, 2] - 500 - 11 / 7) < 1e-4\n"
      "assert f[\"optim/momentum_buffer/0.weight\"][3, 2] == -11\n"
      "assert f[\"progress\"].attrs[\"step\"] == 500 and f[\"progress\"].attrs[\"best\"] == 0.97\n"
      "assert f[\"config\"][0].decode().startswith(\"batch_size: 128\")\n"
      "assert f[\"data/class_name\"][1].decode() == \"r\\u00e9sum\\u00e9\"\n"
      "assert f.attrs[\"outputs\"] == 2\n";
  int rc = python("h5py", script, in_folder("a.h5"));
  if (rc == 77) skip();
  assert_int_equal(rc, 0);
}

static void safetensors_are_parsed_by_others(void **state) {
  (void)state;
  example e;
  gd_checkpoint *c = example_make(&e, 500);
  strcpy(c->param[3].name, "2.\"odd\" \\name");
  strcpy(c->state[0][3].name, c->param[3].name);
  assert_ok(gd_export_safetensors(c, in_folder("a.safetensors")));
  static const char script[] = "import json, struct, sys, array\n"
                               "b = open(sys.argv[1], \"rb\").read()\n"
                               "n, = struct.unpack(\"<Q\", b[:8])\n"
                               "assert n % 8 == 0\n"
                               "h, data = json.loads(b[8:8 + n]), b[8 + n:]\n"
                               "m = h.pop(\"__metadata__\")\n"
                               "assert m[\"format\"] == \"pt\" and float(m[\"x_scale\"]) == 1 / 255\n"
                               "assert json.loads(m[\"classes\"])[0] == \"setosa\"\n"
                               "s = h[\"standardize_targets.mean\"]\n"
                               "v = array.array(\"d\", data[s[\"data_offsets\"][0]:s[\"data_offsets\"][1]])\n"
                               "assert list(v) == [1.5, 1.5] and h[\"standardize.std\"][\"shape\"] == [3]\n"
                               "at, size = 0, {\"F32\": 4, \"F64\": 8, \"I64\": 8}\n"
                               "for name, t in h.items():\n"
                               "    lo, hi = t[\"data_offsets\"]\n"
                               "    k = size[t[\"dtype\"]]\n"
                               "    for d in t[\"shape\"]: k *= d\n"
                               "    assert lo == at and hi == lo + k, name\n"
                               "    at = hi\n"
                               "assert at == len(data)\n"
                               "w = h[\"0.weight\"]\n"
                               "v = array.array(\"f\", data[w[\"data_offsets\"][0]:w[\"data_offsets\"][1]])\n"
                               "assert w[\"shape\"] == [4, 3] and abs(v[11] - 500 - 11 / 7) < 1e-4\n"
                               "assert h[\"1.batches\"][\"shape\"] == [] and "
                               "h[\"1.num_batches_tracked\"][\"shape\"] == [] and len(h) == 16\n"
                               "assert any(\"odd\" in k and chr(92) in k for k in h)\n";
  int rc = python("json", script, in_folder("a.safetensors"));
  if (rc == 77) skip();
  assert_int_equal(rc, 0);
  assert_int_equal(gd_export_safetensors(c, "/no/such/folder/a"), GD_ERR_WRITE);
  assert_int_equal(files_in_folder("tmp"), 0);
}

static void weights_are_read_by_name(void **state) {
  (void)state;
  example e;
  gd_checkpoint *c = example_make(&e, 500);
  assert_ok(gd_checkpoint_write(c, in_folder("a.h5")));
  gd_arena *a;
  gd_stored *w;
  int n;
  assert_ok(gd_arena_new(&a, "test"));
  assert_ok(gd_weights_read(&w, &n, a, in_folder("a.h5")));
  assert_int_equal(n, 11);
  gd_stored two_names = c->param[1];
  strcpy(two_names.name, "5.weight");
  for (int i = 0; i < 4; i++) assert_true(same_array(&c->param[i], &w[i], true));
  for (int i = 0; i < 2; i++) assert_true(same_array(&c->frozen[i], &w[4 + i], true));
  for (int i = 0; i < 2; i++) assert_true(same_array(&c->buffer[i], &w[6 + i], true));
  assert_true(same_array(&two_names, &w[9], true));
  int rc = python("h5py",
                  "import h5py, numpy, sys\n"
                  "f = h5py.File(sys.argv[1], \"w\")\n"
                  "f[\"dense/kernel\"] = numpy.arange(6, dtype=\"f4\").reshape(2, 3)\n"
                  "f.create_dataset(\"bias\", data=numpy.ones(3), compression=\"gzip\")\n",
                  in_folder("b.h5"));
  if (rc == 0) {
    assert_ok(gd_weights_read(&w, &n, a, in_folder("b.h5")));
    assert_int_equal(n, 2);
    assert_string_equal(w[0].name, "bias");
    assert_int_equal(w[0].dtype, GD_F64);
    assert_string_equal(w[1].name, "dense.kernel");
    assert_true(((float *)w[1].data)[5] == 5);
    gd_checkpoint back;
    assert_int_equal(gd_checkpoint_read(&back, in_folder("b.h5"), false), GD_ERR_CHECKPOINT);
    assert_non_null(strstr(gd_error_last()->message, "not a gdtrain checkpoint: no /model"));
  }
  assert_int_equal(gd_weights_read(&w, &n, a, in_folder("none.h5")), GD_ERR_CHECKPOINT);
  gd_arena_free(a);
}

static char logged[4096];
static void keep_log(void *user, gd_log_level level, const char *line) {
  (void)user, (void)level;
  snprintf(logged, sizeof logged, "%s", line);
}

static void the_newest_valid_one_is_found(void **state) {
  (void)state;
  char path[256] = "x";
  example e;
  assert_ok(gd_checkpoint_latest(in_folder("runs"), path, sizeof path));
  assert_string_equal(path, "");
  assert_int_equal(mkdir(in_folder("runs"), 0777), 0);
  assert_ok(gd_checkpoint_latest(in_folder("runs"), path, sizeof path));
  assert_string_equal(path, "");
  for (int step = 100; step <= 500; step += 100) {
    char name[64];
    snprintf(name, sizeof name, "runs/step-%08d.h5", step);
    assert_ok(gd_checkpoint_write(example_make(&e, step), in_folder(name)));
  }
  int fd = open(in_folder("runs/step-00000500.h5"), O_RDWR);
  assert_int_equal(ftruncate(fd, 3000), 0);
  close(fd);
  close(open(in_folder("runs/step-00000600.h5.host.1.2.tmp"), O_CREAT | O_RDWR, 0666));
  close(open(in_folder("runs/step-00000700.h5.txt"), O_CREAT | O_RDWR, 0666));
  gd_log_set_sink(keep_log, NULL);
  assert_ok(gd_checkpoint_latest(in_folder("runs"), path, sizeof path));
  gd_log_set_sink(NULL, NULL);
  assert_string_equal(path, in_folder("runs/step-00000400.h5"));
  assert_non_null(strstr(logged, "step-00000500.h5"));

  assert_int_equal(gd_checkpoint_prune(in_folder("runs"), 0), GD_ERR_USAGE);
  assert_ok(gd_checkpoint_prune(in_folder("runs"), 2));
  assert_int_equal(access(in_folder("runs/step-00000600.h5.host.1.2.tmp"), F_OK), -1);
  assert_int_equal(access(in_folder("runs/step-00000700.h5.txt"), F_OK), 0);
  static const int left[] = {0, 0, 0, 1, 1};
  for (int i = 0; i < 5; i++) {
    char name[64];
    snprintf(name, sizeof name, "runs/step-%08d.h5", 100 * (i + 1));
    assert_int_equal(access(in_folder(name), F_OK) == 0, left[i]);
  }
  assert_int_equal(truncate(in_folder("runs/step-00000400.h5"), 3000), 0);
  assert_int_equal(gd_checkpoint_latest(in_folder("runs"), path, sizeof path), GD_ERR_CHECKPOINT);
  assert_string_equal(path, "");
}

/* Several writes, each started while the one before may be under way; a failure reaches the one who waits. */
static void a_thread_writes_while_training_goes_on(void **state) {
  (void)state;
  static example e[2];
  gd_writer *w;
  gd_checkpoint back;
  assert_ok(gd_writer_new(&w));
  for (int step = 0; step < 20; step++) { /* two snapshots in turn: start() waits for the one it will reuse */
    char name[32];
    snprintf(name, sizeof name, "w-%d.h5", step);
    assert_ok(gd_writer_start(w, example_make(&e[step % 2], step), in_folder(name)));
  }
  assert_ok(gd_writer_wait(w));
  for (int step = 0; step < 20; step++) {
    char name[32];
    snprintf(name, sizeof name, "w-%d.h5", step);
    assert_ok(gd_checkpoint_read(&back, in_folder(name), false));
    assert_true(same_checkpoint(example_make(&e[0], step), &back, true));
    gd_checkpoint_free(&back);
  }
  assert_ok(gd_writer_start(w, example_make(&e[0], 1), "/no/such/folder/a.h5"));
  assert_int_equal(gd_writer_wait(w), GD_ERR_WRITE);
  assert_non_null(strstr(gd_error_last()->message, "/no/such/folder/a.h5"));
  assert_ok(gd_writer_wait(w));
  assert_ok(gd_writer_start(w, &e[0].c, "/no/such/folder/a.h5"));
  assert_int_equal(gd_writer_start(w, &e[0].c, in_folder("never.h5")), GD_ERR_WRITE);
  assert_ok(gd_writer_start(w, &e[0].c, in_folder("last.h5")));
  gd_writer_free(w); /* finishes what is under way */
  assert_ok(gd_checkpoint_read(&back, in_folder("last.h5"), false));
  gd_checkpoint_free(&back);
}

static int setup(void **state) {
  (void)state;
  return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state) {
  (void)state;
  char command[64];
  snprintf(command, sizeof command, "rm -r %s", folder);
  return system(command);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_written_is_read),
      cmocka_unit_test(large_arrays_and_many_states_are_read),
      cmocka_unit_test(many_parameters_are_read),
      cmocka_unit_test(digests_do_not_depend_on_order),
      cmocka_unit_test(the_digest_is_the_documented_one),
      cmocka_unit_test(what_cannot_be_stored_is_refused),
      cmocka_unit_test(h5py_opens_it),
      cmocka_unit_test(safetensors_are_parsed_by_others),
      cmocka_unit_test(weights_are_read_by_name),
      cmocka_unit_test(the_newest_valid_one_is_found),
      cmocka_unit_test(a_thread_writes_while_training_goes_on),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}

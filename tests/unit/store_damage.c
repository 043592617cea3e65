/*
 * Damaged and hostile checkpoints: every file is either refused with GD_ERR_CHECKPOINT, or read as what was
 * written; the reader never crashes. And a full disk: GD_ERR_WRITE, and the file that was there stays.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gd/gd.h"
#include "random.h"
#include "store_example.h"
#include "test.h"

static char folder[] = "/tmp/gd-damage-XXXXXX";
static char path[64], good[64];
static example e;

typedef bool (*damage_fn)(int fd, const char *bytes, long size, long i, uint32_t draw);

static bool flip_bit(int fd, const char *bytes, long size, long i, uint32_t draw) {
  char damaged = (char)(bytes[i] ^ 1 << draw % 8);
  return size > 0 && pwrite(fd, &damaged, 1, i) == 1;
}

static bool clear_byte(int fd, const char *bytes, long size, long i, uint32_t draw) {
  (void)draw;
  char damaged = bytes[i] ? 0 : (char)0xff;
  return size > 0 && pwrite(fd, &damaged, 1, i) == 1;
}

static bool cut(int fd, const char *bytes, long size, long i, uint32_t draw) {
  (void)draw;
  (void)bytes, (void)size;
  return ftruncate(fd, i) == 0;
}

static bool zero_sector(int fd, const char *bytes, long size, long i, uint32_t draw) {
  (void)draw;
  static const char zeros[512];
  (void)bytes;
  return pwrite(fd, zeros, (size_t)(size - i < 512 ? size - i : 512), i) > 0;
}

/* The verdict on one damaged file: 'r' refused, 's' the same values, 'w' wrong values, 'e' another error. */
static char verdict(bool header_only) {
  gd_checkpoint back;
  gd_status st = gd_checkpoint_read(&back, path, header_only);
  if (st != GD_OK) return st == GD_ERR_CHECKPOINT ? 'r' : 'e';
  char v = same_checkpoint(&e.c, &back, !header_only) ? 's' : 'w';
  gd_checkpoint_free(&back);
  return v;
}

/* In a child process, so that a crash of the reader is seen as one: damages and reads at drawn bytes. */
static int try_all(damage_fn damage, const char *bytes, long size) {
  const gd_rng r = gd_rng_stream(test_seed(), GD_RNG_TEST, 0);
  const int64_t count = test_count(size);
  int fd = open(path, O_CREAT | O_RDWR | O_TRUNC, 0666), wrong = 0, refused = 0, same = 0;
  if (pwrite(fd, bytes, (size_t)size, 0) != size || verdict(false) != 's') return 100;
  for (int64_t k = 0; k < count; k++) {
    const long i = (long)test_place(k, count, size, gd_rng_u32(r, (uint64_t)(k + count)));
    if (!damage(fd, bytes, size, i, gd_rng_u32(r, (uint64_t)k))) return 101;
    for (int header_only = 0; header_only < 2; header_only++) {
      char v = verdict(header_only);
      if (v == 'e') fprintf(stderr, "%s\n", gd_error_last()->message);
      if (v == 'w' || v == 'e')
        fprintf(stderr, "byte %ld: verdict %c (header %d)\n", i, v, header_only), wrong++;
      refused += v == 'r', same += v == 's';
    }
    if (pwrite(fd, bytes, (size_t)size, 0) != size) return 102;
  }
  fprintf(stderr, "%d readings refused, %d the same, %d wrong\n", refused, same, wrong);
  close(fd);
  return wrong || !refused;
}

static void damage_everywhere(damage_fn damage) {
  static char bytes[1 << 20];
  int fd = open(good, O_RDONLY);
  long size = read(fd, bytes, sizeof bytes);
  close(fd);
  assert_true(size > 1000 && size < (long)sizeof bytes);
  pid_t child = fork();
  if (child == 0) _exit(try_all(damage, bytes, size));
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
}

static void a_flipped_bit_is_never_read(void **state) {
  (void)state;
  damage_everywhere(flip_bit);
}

static void a_changed_byte_is_never_read(void **state) {
  (void)state;
  damage_everywhere(clear_byte);
}

static void a_cut_file_is_never_read(void **state) {
  (void)state;
  damage_everywhere(cut);
}

static void a_lost_sector_is_never_read(void **state) {
  (void)state;
  damage_everywhere(zero_sector);
}

static void what_is_no_checkpoint_is_refused_by_name(void **state) {
  (void)state;
  gd_checkpoint c;
  static const char *const paths[] = {"/no/such/file.h5", "/", "/dev/zero"};
  for (int i = 0; i < 3; i++) {
    assert_int_equal(gd_checkpoint_read(&c, paths[i], false), GD_ERR_CHECKPOINT);
    assert_non_null(strstr(gd_error_last()->message, paths[i]));
  }
  int fd = open(path, O_CREAT | O_RDWR | O_TRUNC, 0666);
  assert_int_equal(gd_checkpoint_read(&c, path, false), GD_ERR_CHECKPOINT);
  assert_int_equal(write(fd, "\x89HDF\r\n\x1a\n", 8), 8);
  assert_int_equal(gd_checkpoint_read(&c, path, false), GD_ERR_CHECKPOINT);
  close(fd);
}

/* Well-formed HDF5 files that are not what we write. */
static void well_formed_strangers_are_refused(void **state) {
  (void)state;
  if (system("/usr/bin/python3 -c 'import h5py' 2>/dev/null") != 0) skip();
  static const char *const change[] = {
      "f.attrs[\"outputs\"] = 3",
      "f[\"progress\"].attrs[\"step\"] = -1",
      "f[\"progress\"].attrs[\"step\"] = 501",
      "f[\"model/0.weight\"][0, 0] = 9",
      "del f[\"model/0.weight\"]",
      "del f[\"optim/momentum_buffer/0.weight\"]",
      "f[\"optim/other/0.weight\"] = [1.0]",
      "f[\"optim/stray\"] = [1.0]",
      "f[\"model/nested/weight\"] = [1.0]",
      "f[\"model/text\"] = \"text\"",
      "[f.__setitem__(\"model/again%d\" % i, f[\"model/0.weight\"]) for i in range(20000)]",
      "del f[\"config\"]; f[\"config\"] = [1.0]",
      "del f[\"data/mean\"]; f[\"data/mean\"] = [1.0]",
      "del f[\"data/class_name\"]; f[\"data/class_name\"] = h5py.ExternalLink(\"/etc/passwd\", \"/x\")",
      "del f[\"data/sample\"]; f[\"data\"][\"sample\"] = [1] * 7",
      "f[\"data\"].attrs[\"classes\"] = 2**40",
      "f.attrs[\"format\"] = numpy.bytes_(b\"gdtrain checkpoint 99\")",
      "f.attrs[\"model\"] = \"variable length\"",
      "f.attrs[\"machine\"] = numpy.bytes_(b\"m\" * 60000)",
      "f.attrs[\"digest\"] = numpy.bytes_(b\"0\" * 64)",
      "f[\"model/0.weight\"].attrs[\"tied\"] = numpy.bytes_(b\"4.weight\")",
      "f[\"model/0.weight\"].attrs[\"tied\"] = numpy.bytes_(b\"5.weight\\n4.weight\")",
      "f[\"model/0.weight\"].attrs[\"tied\"] = numpy.bytes_(b\"\\n\")",
      "f[\"model/0.weight\"].attrs[\"tied\"] = numpy.bytes_(b\"4.weight\\n\" + b\"n\" * 300)",
      "f[\"model/0.weight\"].attrs[\"tied\"] = 7",
      "f[\"model/10.scale\"].attrs[\"tied\"] = numpy.bytes_(b\"0.bias\")",
      "f[\"model/3.weight\"].attrs[\"buffer\"] = 1",
      "f[\"model/0.weight\"].attrs[\"frozen\"] = 1",
      "del f[\"model/3.weight\"].attrs[\"frozen\"]",
      "del f[\"model/3.weight\"]",
      "del f[\"model/0.bias\"]; f.create_dataset(\"model/0.bias\", (2**40,), \"f4\", chunks=(2**16,))",
  };
  enum { CHANGES = sizeof change / sizeof *change };
  char script[80], command[160], stranger[80];
  snprintf(script, sizeof script, "%s/change.py", folder);
  snprintf(command, sizeof command, "/usr/bin/python3 %s", script);
  FILE *f = fopen(script, "w"); /* one for all: starting Python takes longer than reading what it changed */
  assert_non_null(f);
  fputs("import h5py, numpy, shutil\n", f);
  for (int i = 0; i < CHANGES; i++)
    fprintf(f,
            "path = shutil.copy(\"%s\", \"%s/stranger-%d.h5\")\nf = h5py.File(path, \"r+\")\n%s\nf.close()\n",
            good, folder, i, change[i]);
  assert_int_equal(fclose(f), 0);
  assert_int_equal(system(command), 0);
  for (int i = 0; i < CHANGES; i++) {
    gd_checkpoint back;
    snprintf(stranger, sizeof stranger, "%s/stranger-%d.h5", folder, i);
    if (gd_checkpoint_read(&back, stranger, false) != GD_ERR_CHECKPOINT) fail_msg("accepted: %s", change[i]);
  }
}

/* Writes over `path` in a child whose disk is too small; the child's exit status tells what it saw. */
static int write_in_child(const char *to, rlim_t limit) {
  pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    if (limit) setrlimit(RLIMIT_FSIZE, &(struct rlimit){limit, limit});
    example other;
    gd_status st = gd_checkpoint_write(example_make(&other, 777), to);
    if (st != GD_OK && !strstr(gd_error_last()->message, to)) st = GD_ERR_INTERNAL;
    if (st != GD_OK && limit == 0 && !strstr(gd_error_last()->message, strerror(ENOSPC))) {
      fprintf(stderr, "no word of a full disk: %s\n", gd_error_last()->message);
      st = GD_ERR_INTERNAL;
    }
    _exit((int)st);
  }
  int status;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void is_the_old_one(const char *at) {
  gd_checkpoint back;
  assert_ok(gd_checkpoint_read(&back, at, false));
  assert_true(same_checkpoint(&e.c, &back, true));
  gd_checkpoint_free(&back);
}

/* A copy of the good checkpoint, alone in a folder of its own. */
static void put_alone(const char *in, char *file, size_t bytes) {
  char command[256];
  snprintf(file, bytes, "%s/step-00000500.h5", in);
  snprintf(command, sizeof command, "cp %s %s", good, file);
  assert_int_equal(system(command), 0);
}

static bool is_alone(const char *in) {
  char command[160];
  snprintf(command, sizeof command, "test $(ls %s | wc -l) = 1", in);
  return system(command) == 0;
}

static void no_size_of_disk_loses_the_old_checkpoint(void **state) {
  (void)state;
  char small[80], file[128];
  snprintf(small, sizeof small, "%s/small", folder);
  assert_int_equal(mkdir(small, 0777), 0);
  put_alone(small, file, sizeof file);
  struct stat st;
  assert_int_equal(stat(file, &st), 0);
  for (rlim_t limit = 1; limit < (rlim_t)st.st_size; limit += 997) {
    assert_int_equal(write_in_child(file, limit), GD_ERR_WRITE);
    is_the_old_one(file);
    assert_true(is_alone(small));
  }
  assert_int_equal(write_in_child(file, 0), GD_OK);
}

static void a_full_disk_is_named(void **state) {
  (void)state;
  char disk[80], file[128];
  snprintf(disk, sizeof disk, "%s/disk", folder);
  assert_int_equal(mkdir(disk, 0777), 0);
  if (mount("none", disk, "tmpfs", 0, "size=20k") != 0) {
    print_message("no small file system without privileges: %s\n", strerror(errno));
    skip();
  }
  put_alone(disk, file, sizeof file);
  for (int i = 0; i < 3; i++) assert_int_equal(write_in_child(file, 0), GD_ERR_WRITE);
  is_the_old_one(file);
  assert_true(is_alone(disk));
}

static int setup(void **state) {
  (void)state;
  if (!mkdtemp(folder)) return -1;
  snprintf(path, sizeof path, "%s/damaged.h5", folder);
  snprintf(good, sizeof good, "%s/good.h5", folder);
  return gd_checkpoint_write(example_make(&e, 500), good) == GD_OK ? 0 : -1;
}

static int teardown(void **state) {
  (void)state;
  char command[160];
  snprintf(command, sizeof command, "umount %s/disk 2>/dev/null; rm -r %s", folder, folder);
  return system(command);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_flipped_bit_is_never_read),
      cmocka_unit_test(a_changed_byte_is_never_read),
      cmocka_unit_test(a_cut_file_is_never_read),
      cmocka_unit_test(a_lost_sector_is_never_read),
      cmocka_unit_test(what_is_no_checkpoint_is_refused_by_name),
      cmocka_unit_test(well_formed_strangers_are_refused),
      cmocka_unit_test(no_size_of_disk_loses_the_old_checkpoint),
      cmocka_unit_test(a_full_disk_is_named),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}

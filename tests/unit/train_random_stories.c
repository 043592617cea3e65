/*
 * Whatever is done with a run, its folder tells one story. Random sequences of: train, stop, kill, resume from the newest or
 * from any older checkpoint, in the same folder or a new one, with other epochs, rates, batches and data, among them a batch
 * that is left out and targets that the loss cannot take. After each, summary, rows, best and checkpoints are what a simple
 * model says, nothing that was set aside has changed, and in the end the digest is that of the same story told without
 * interruptions.
 */
#include <math.h>

#include "stories.h"

#ifdef __SANITIZE_ADDRESS__
enum { IN_CI = 25 }; /* the same stories are run in full number without sanitizers */
#else
enum { IN_CI = 100 };
#endif
enum { SEQUENCES = 2000, MOST_ACTIONS = 6, MOST_STORIES = 40, MOST_PARTS = 24 };

/* ---- the model: what a folder tells ---- */

/* From step `from` on the run had these settings; its first batch is number `position` of such batches, and its best is one of
 * the validations after step `judged`. */
typedef struct part {
  int64_t from, position, judged;
  settings s;
} part;

typedef struct story {
  char folder[200];
  int n;
  part part[MOST_PARTS];
  int64_t rows; /* of metrics.csv: steps 1 .. rows */
  char row[MOST_STEPS][ROW];
} story;

typedef struct world {
  uint64_t sequence;
  uint32_t draws;
  int n;
  story story[MOST_STORIES]; /* the first is the one that goes on; the others were set aside or left */
} world;

static uint32_t draw(world *w, uint32_t below) {
  const gd_rng r = gd_rng_stream(test_seed(), GD_RNG_TEST, w->sequence);
  return (uint32_t)(gd_rng_uniform(r, w->draws++) * below);
}

static int64_t per_epoch(const settings *s) {
  const int rows = TRAIN_ROWS + (s->learns == NUMBERS && !s->clean ? LOST_ROWS : 0);
  return (rows + s->batch - 1) / s->batch;
}

static const part *part_at(const story *t, int64_t step) { /* of the update that makes it `step` */
  const part *p = &t->part[0];
  for (int i = 1; i < t->n; i++)
    if (t->part[i].from < step) p = &t->part[i];
  return p;
}

static int64_t position_at(const part *p, int64_t step) {
  return p->position + step - p->from;
}

static int64_t last_step(const part *p) {
  return p->from + p->s.epochs * per_epoch(&p->s) - p->position;
}

static double rate_at(const story *t, int64_t step) {
  const part *p = part_at(t, step);
  if (!p->s.cosine) return p->s.lr;
  const double x = (double)(position_at(p, step) - 1) / (double)(p->s.epochs * per_epoch(&p->s));
  return x >= 1 ? 0 : p->s.lr * (1 + cos(acos(-1) * x)) / 2;
}

/* Cell `k` of a row; NaN where it is empty. */
static double cell(const char *row, int k) {
  for (; k > 0; k--) row = strchr(row, ',') + 1;
  return *row == ',' ? NAN : strtod(row, NULL);
}

static double accuracy_of(const char *row, subject learns) {
  return learns == LABELS ? cell(row, 7) : 0;
}

/* The first of those with the highest accuracy, where there are classes, and, among them, the lowest loss; 0: none. */
static int64_t best_of(const story *t, const part *p, int64_t step) {
  int64_t best = 0;
  for (int64_t i = p->judged + 1; i <= step; i++) {
    const double loss = cell(t->row[i], 6), accuracy = accuracy_of(t->row[i], p->s.learns);
    if (isnan(loss)) continue;
    const double was = best ? accuracy_of(t->row[best], p->s.learns) : -1;
    if (accuracy > was || (accuracy == was && loss < cell(t->row[best], 6))) best = i;
  }
  return best;
}

/* ---- what is there agrees with it ---- */

#define HOLDS(condition, ...)                                                                                \
  do {                                                                                                       \
    if (!(condition)) {                                                                                      \
      print_message("sequence %llu of seed %llu, %s: ", (unsigned long long)w->sequence,                     \
                    (unsigned long long)test_seed(), t->folder);                                             \
      fail_msg(__VA_ARGS__);                                                                                 \
    }                                                                                                        \
  } while (0)

static void take_row(world *w, story *t, const char *line, int64_t number, int64_t kept) {
  const int64_t step = strtoll(line, NULL, 10);
  HOLDS(step == number, "row of step %lld where %lld is due", (long long)step, (long long)number);
  if (step <= kept) {
    HOLDS(strcmp(line, t->row[step]) == 0, "row %lld was \"%s\" and is \"%s\"", (long long)step, t->row[step],
          line);
    return;
  }
  const part *p = part_at(t, step);
  const double epoch = (double)position_at(p, step) / (double)per_epoch(&p->s), rate = rate_at(t, step);
  HOLDS(fabs(cell(line, 1) - epoch) < 1e-6, "row %lld: epoch %g, not %g", (long long)step, cell(line, 1),
        epoch);
  HOLDS(fabs(cell(line, 3) - rate) <= 1e-12 + 1e-9 * rate, "row %lld: rate %g, not %g", (long long)step,
        cell(line, 3), rate);
  snprintf(t->row[step], ROW, "%s", line);
}

/* Rows 1, 2, 3 ...: up to `kept` as they were, then those of the last part. */
static void check_rows(world *w, story *t, int64_t kept) {
  static char text[MOST_STEPS * ROW];
  char *save;
  int64_t n = 0;
  read_text(text, sizeof text, t->folder, "metrics.csv");
  char *line = strtok_r(text, "\n", &save);
  HOLDS(line && strncmp(line, "step,epoch,", 11) == 0, "metrics.csv has no header");
  while ((line = strtok_r(NULL, "\n", &save))) take_row(w, t, line, ++n, kept);
  HOLDS(n >= kept, "%lld rows are left of %lld", (long long)n, (long long)kept);
  t->rows = n;
}

static void check_config(world *w, const story *t) {
  static char text[1 << 14];
  const settings *s = &t->part[t->n - 1].s;
  char wanted[5][60];
  read_text(text, sizeof text, t->folder, "config.yaml");
  snprintf(wanted[0], 60, "\nbatch_size: %d\n", s->batch);
  snprintf(wanted[1], 60, "\nepochs: %d\n", s->epochs);
  snprintf(wanted[2], 60, "\n  lr: %g\n", s->lr);
  snprintf(wanted[3], 60, "\n  total: 0%s", s->cosine ? " # " : "\n"); /* nobody gave it */
  snprintf(wanted[4], 60, "\nresume: \"\"\nresume_changed: false\n");
  for (int i = 0; i < 5; i++) HOLDS(strstr(text, wanted[i]), "config.yaml lacks \"%s\"", wanted[i]);
}

static void check_summary(world *w, const story *t, int64_t start, int64_t head, int64_t best) {
  static char text[1 << 14];
  char wanted[300], path[400], hex[65];
  read_text(text, sizeof text, t->folder, "summary.json");
  snprintf(wanted, sizeof wanted, "\"steps\": %lld,", (long long)head);
  HOLDS(strstr(text, wanted), "summary.json lacks %s: %s", wanted, text);
  snprintf(wanted, sizeof wanted, "\"best\": {\"step\": %lld,", (long long)best);
  HOLDS(strstr(text, wanted), "summary.json lacks %s: %s", wanted, text);
  snprintf(path, sizeof path, "%s/checkpoints/step-%08lld.h5", t->folder, (long long)head);
  HOLDS(strstr(text, path), "summary.json does not name %s: %s", path, text);
  gd_checkpoint c;
  gd_digest digest;
  HOLDS(gd_checkpoint_read(&c, path, false) == GD_OK, "%s", gd_error_last()->message);
  assert_ok(gd_checkpoint_digest(&c, &digest));
  gd_digest_hex(&digest, hex);
  HOLDS(strstr(text, hex), "the digest of %s is not that of summary.json", path);
  HOLDS(start == head || (c.has_best == (best > 0) && (best == 0 || c.best_step == best)),
        "%s remembers another best", path);
  gd_checkpoint_free(&c);
}

/* Those that were there up to the start, the start, and what was saved since: of them the newest. */
static void check_kept(world *w, const story *t, const listing *before, int64_t start, int64_t head,
                       bool ended) {
  const settings *s = &t->part[t->n - 1].s;
  const listing now = list_of(t->folder);
  bool may[MOST_STEPS] = {false};
  int n = 0;
  for (int i = 0; i < before->n; i++) may[before->file[i].step] = before->file[i].step <= start;
  may[start] = start > 0;
  for (int64_t i = start + 1; i <= t->rows; i++)
    may[i] = i % s->every == 0 || best_of(t, part_at(t, i), i) == i || i == head;
  if (ended) may[head] = true;
  for (int i = 0; i < now.n; i++)
    HOLDS(may[now.file[i].step], "step %lld is in checkpoints", (long long)now.file[i].step);
  if (!ended) return;
  for (int64_t i = head; i > 0; i--) {
    const bool there = find_step(&now, i) != NULL;
    n += may[i];
    HOLDS(there == (may[i] && n <= s->keep), "step %lld is %s in checkpoints, with keep %d", (long long)i,
          there ? "" : "not", s->keep);
  }
}

static void check_ended(world *w, story *t, const listing *before, int64_t start, int64_t head) {
  const int64_t best = best_of(t, &t->part[t->n - 1], head);
  HOLDS(t->rows == head || start == head, "%lld rows of %lld steps", (long long)t->rows, (long long)head);
  check_summary(w, t, start, head, best);
  check_kept(w, t, before, start, head, true);
  const listing now = list_of(t->folder);
  HOLDS(best == 0 || now.best.step == best, "best.h5 is of step %lld, not %lld", (long long)now.best.step,
        (long long)best);
  HOLDS(best > 0 || !now.best.name[0], "there is a best.h5");
}

static void check_killed(world *w, story *t, const listing *before, int64_t start) {
  char text[10];
  read_text(text, sizeof text, t->folder, "summary.json");
  HOLDS(!*text, "a run that was killed has a summary");
  check_kept(w, t, before, start, -1, false);
  HOLDS(start == 0 || list_of(t->folder).n > 0, "no checkpoint is left");
}

/* ---- setting aside ---- */

/* What the folder had before and must not lose is in a new folder aside; it becomes a story of its own. */
static void check_aside(world *w, const story *was, const listing *before, int64_t start, bool own) {
  story *t = &w->story[0], *aside = &w->story[w->n];
  bool moves = before->best.name[0] && (!own || before->best.step > start);
  int number = 1;
  for (int i = 0; i < before->n; i++) moves |= !own || before->file[i].step > start;
  for (int i = 1; i < w->n; i++)
    number += strncmp(w->story[i].folder, t->folder, strlen(t->folder)) == 0 &&
              strstr(w->story[i].folder, "/aside-");
  HOLDS(w->n < MOST_STORIES, "too many stories");
  *aside = *was;
  snprintf(aside->folder, sizeof aside->folder, "%.150s/aside-%d", t->folder, number);
  const bool there = access(aside->folder, F_OK) == 0;
  if (!moves && !there) return;
  HOLDS(there, "%s is missing", aside->folder);
  w->n++;
  const listing now = list_of(aside->folder);
  for (int i = 0; i < before->n; i++)
    if (!own || before->file[i].step > start)
      HOLDS(has_inode(&now, before->file[i].inode), "step %lld is not set aside",
            (long long)before->file[i].step);
  if (before->best.name[0] && (!own || before->best.step > start))
    HOLDS(has_inode(&now, before->best.inode), "best.h5 is not set aside");
  if (moves) check_rows(w, aside, aside->rows);
}

/* Can the best up to the start still be had? */
static bool best_is_there(const listing *there, int64_t start, int64_t best, bool own) {
  if (best == start || (there->best.name[0] && there->best.step == best)) return true;
  return find_step(there, best) && (!own || best <= start);
}

/* ---- actions ---- */

static bool same_bits(const settings *a, const settings *b) {
  return a->lr == b->lr && a->batch == b->batch && a->data == b->data &&
         (!a->cosine || a->epochs == b->epochs);
}

/* Samples are kept: the batch that begins where they end, or before. */
static int64_t position_in(const part *p, int64_t step, const settings *now) {
  const int64_t at = position_at(p, step), each = per_epoch(&p->s);
  return at / each * per_epoch(now) + at % each * p->s.batch / now->batch;
}

static settings other_settings(world *w, settings s) {
  static const double rates[] = {0.5, 0.1, 0.02};
  static const int batches[] = {4, 6, 8, 12};
  switch (draw(w, 8)) {
  case 0:
  case 1: s.epochs += 1 + (int)draw(w, 2); break;
  case 2: s.lr = rates[draw(w, 3)]; break;
  case 3: s.batch = s.learns == NUMBERS ? s.batch : batches[draw(w, 4)]; break;
  case 4: s.data = s.learns == SHARES && draw(w, 2) == 0 ? OUTSIDE : !s.data; break;
  case 5: s.val ^= 1; break;
  default: break; /* as it was */
  }
  s.keep = 1 + (int)draw(w, 4), s.every = 1 + (int)draw(w, 5);
  return s;
}

/* Which checkpoint to go on from: a path, "auto", and the story that it is of. */
static const story *choose_start(world *w, char path[300], bool *automatic) {
  const story *t = &w->story[draw(w, 4) == 0 ? draw(w, (uint32_t)w->n) : 0];
  const listing l = list_of(t->folder);
  *automatic = t == &w->story[0] && draw(w, 2) == 0;
  if (*automatic || l.n + (l.best.name[0] != 0) == 0) {
    *automatic = true;
    strcpy(path, "auto");
    return &w->story[0];
  }
  const uint32_t k = draw(w, (uint32_t)l.n + (l.best.name[0] != 0));
  snprintf(path, 300, "%s/checkpoints/%s", t->folder, (int)k < l.n ? l.file[k].name : "best.h5");
  return t;
}

/* Also when step-*.h5 were lost. */
static int64_t newest(const listing *l) {
  const int64_t last = l->n ? l->file[l->n - 1].step : 0;
  return l->best.name[0] && l->best.step > last ? l->best.step : last;
}

static void forget_after(story *t, int64_t step) {
  while (t->n > 1 && t->part[t->n - 1].from >= step) t->n--;
  if (t->rows > step) t->rows = step;
}

static void nothing_changed(world *w, const story *t, const listing *before) {
  const listing now = list_of(t->folder);
  HOLDS(now.n == before->n && now.best.inode == before->best.inode,
        "a refused resume changed the checkpoints");
  for (int i = 0; i < now.n; i++)
    HOLDS(now.file[i].inode == before->file[i].inode, "a refused resume changed a checkpoint");
  story copy = *t;
  if (t->rows > 0) check_rows(w, &copy, t->rows);
}

/* One action on the first story. Returns whether the run came to its end. */
static bool act(world *w, bool finish) {
  static story was, source;
  story *t = &w->story[0];
  char path[300] = "auto", folder[200];
  bool automatic = true;
  const bool moves_on = !finish && draw(w, 8) == 0 && w->n + 2 < MOST_STORIES;
  const story *from = finish ? t : choose_start(w, path, &automatic);
  if (!finish && draw(w, 12) == 0 && list_of(t->folder).best.name[0]) { /* all but the best are lost */
    const listing l = list_of(t->folder);
    for (int i = 0; i < l.n && from == t && automatic; i++) {
      char lost[400];
      snprintf(lost, sizeof lost, "%s/checkpoints/%s", t->folder, l.file[i].name);
      unlink(lost);
    }
  }
  was = *t, source = *from;
  const listing there = list_of(source.folder);
  const int64_t start = automatic ? newest(&there) : step_in(path);
  const settings before_it = part_at(&source, start > 0 ? start : 1)->s;
  request r = {
      .s = finish ? before_it : other_settings(w, before_it), .resume = path, .changed = draw(w, 3) > 0};
  if (moves_on && start > 0 && !automatic) { /* to a new folder: the old one is left as it is */
    snprintf(folder, sizeof folder, "run-%llu-%d", (unsigned long long)w->sequence, w->n);
    w->story[w->n++] = *t;
    snprintf(t->folder, sizeof t->folder, "%s", folder);
  }
  const bool own = strcmp(source.folder, t->folder) == 0;
  const listing before = list_of(t->folder);
  if (finish) r.changed = false;
  r.out = t->folder;
  r.how = finish ? TO_THE_END : (ending)draw(w, 3);
  r.at = start + 1 + (int64_t)draw(w, 8);

  const bool differs = start > 0 && !same_bits(&before_it, &r.s), outside = r.s.data == OUTSIDE;
  const int code = run(&r);
  if ((differs && !r.changed) || outside) {
    HOLDS(code == 2 || (code == 4 && outside), "exit %d where another setting is to be refused", code);
    if (strncmp(t->folder, "run-", 4) == 0 && !own && before.n == 0) { /* nor was the new folder made */
      *t = w->story[--w->n];
      return false;
    }
    *t = was;
    nothing_changed(w, t, &before);
    return false;
  }
  HOLDS(code == 0 || code == 75 || code == KILLED, "exit %d", code);

  /* What the folder tells now. */
  snprintf(folder, sizeof folder, "%s", t->folder);
  *t = source;
  snprintf(t->folder, sizeof t->folder, "%s", folder);
  const int64_t best = best_of(t, part_at(t, start), start), kept = start < t->rows ? start : t->rows;
  forget_after(t, start > 0 ? start : 1);
  t->rows = kept;
  if (start == 0) t->n = 0;
  HOLDS(t->n < MOST_PARTS, "too many parts");
  part now = {.from = start, .s = r.s};
  if (start > 0) {
    const part *p = part_at(&source, start);
    const bool anew = p->s.val != r.s.val || !best_is_there(&there, start, best, own);
    now.position = position_in(p, start, &r.s), now.judged = anew ? start : p->judged;
  }
  t->part[t->n++] = now;
  const int64_t end = last_step(&t->part[t->n - 1]), head = code == 75 ? r.at + 1 : end > start ? end : start;
  check_aside(w, &was, &before, start, own);
  check_rows(w, t, kept);
  check_config(w, t);
  if (code == KILLED)
    check_killed(w, t, own ? &before : &(listing){.n = 0}, start);
  else
    check_ended(w, t, own ? &before : &(listing){.n = 0}, start, head);
  for (int i = 1; i < w->n; i++) check_rows(w, &w->story[i], w->story[i].rows);
  return code == 0;
}

/* How many of so many batches one after the other were not left out. An optimizer counts those alone, so that the story without
 * the others is the same. (A story with such batches keeps their size: what it counts is steps.) */
static int64_t taken(const settings *s, int64_t steps) {
  const int64_t each = per_epoch(s);
  return s->learns == NUMBERS ? steps - (steps + each - 1 - LOST_BATCH) / each : steps;
}

/* The same story, one part after the other, in a folder of its own. */
static void tell_quietly(world *w, const story *t, int64_t last, char hex[65]) {
  char folder[200], path[300];
  const int64_t head = taken(&t->part[0].s, last);
  snprintf(folder, sizeof folder, "quiet-%llu", (unsigned long long)w->sequence);
  for (int i = 0; i < t->n; i++) {
    int k = i;
    while (k + 1 < t->n && same_bits(&t->part[i].s, &t->part[k + 1].s))
      k++; /* stopped and resumed: one part */
    const int64_t from = taken(&t->part[i].s, t->part[i].from),
                  end = k + 1 < t->n ? taken(&t->part[k].s, t->part[k + 1].from) : head;
    request r = {
        .s = t->part[k].s, .out = folder, .resume = "auto", .changed = i > 0, .steps = end, .at = -1};
    if (r.s.cosine) r.total = r.s.epochs;
    r.s.val = 0, r.s.keep = 1, r.s.every = 1000, r.s.clean = r.s.learns == NUMBERS;
    const int code = end > from || end == head ? run(&r) : 0;
    HOLDS(code == 0, "exit %d of the quiet run", code);
    i = k;
  }
  gd_checkpoint c;
  gd_digest digest;
  snprintf(path, sizeof path, "%s/checkpoints/step-%08lld.h5", folder, (long long)head);
  HOLDS(gd_checkpoint_read(&c, path, false) == GD_OK, "%s", gd_error_last()->message);
  assert_ok(gd_checkpoint_digest(&c, &digest));
  gd_digest_hex(&digest, hex);
  gd_checkpoint_free(&c);
}

static void one_sequence(uint64_t number) {
  static world all;
  world *w = &all;
  static char text[1 << 14];
  char hex[65];
  *w = (world){.sequence = number, .n = 1};
  story *t = &w->story[0];
  snprintf(t->folder, sizeof t->folder, "run-%llu", (unsigned long long)number);
  const subject learns = (subject)draw(w, 3);
  t->n = 1, t->part[0].s = (settings){.learns = learns,
                                      .lr = 0.1,
                                      .batch = learns == NUMBERS ? LOST_ROWS : 4 + 2 * (int)draw(w, 3),
                                      .epochs = 1 + (int)draw(w, 3),
                                      .keep = 2,
                                      .every = 3,
                                      .cosine = learns != NUMBERS && draw(w, 3) == 0,
                                      .adam = draw(w, 2) == 0};
  for (int i = 0, actions = 3 + (int)draw(w, MOST_ACTIONS - 2); i < actions; i++) act(w, false);
  for (int i = 0; !act(w, true); i++) HOLDS(i < 3, "the run does not come to its end");
  read_text(text, sizeof text, t->folder, "summary.json");
  tell_quietly(w, t, newest(&(listing[]){list_of(t->folder)}[0]), hex);
  HOLDS(strstr(text, hex), "another digest than that of the same story told quietly");
  char remove[300];
  snprintf(remove, sizeof remove, "rm -rf run-%llu run-%llu-* quiet-%llu", (unsigned long long)number,
           (unsigned long long)number, (unsigned long long)number);
  assert_int_equal(system(remove), 0);
}

static void a_folder_tells_one_story(void **state) {
  (void)state;
  const int64_t n = getenv("GD_TEST_COUNT") ? test_count(SEQUENCES) : IN_CI;
  const char *first = getenv("GD_TEST_FIRST");
  for (int64_t i = first ? atoll(first) : 0, end = i + n; i < end; i++) one_sequence((uint64_t)i);
}

static int in_a_folder(void **state) {
  static char folder[200];
  *state = folder;
  snprintf(folder, sizeof folder, "%s/gd-stories-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
  if (!mkdtemp(folder) || chdir(folder) != 0) return -1;
  write_data();
  return 0;
}

static int and_out_of_it(void **state) {
  char remove[300];
  snprintf(remove, sizeof remove, "rm -rf %s", (const char *)*state);
  return getenv("GD_TEST_KEEP") ? 0 : system(remove);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_folder_tells_one_story)};
  return cmocka_run_group_tests(tests, in_a_folder, and_out_of_it);
}

#include "data/generate.h"

#include <math.h>
#include <string.h>

#include "data/table.h"

static const double PI = 3.14159265358979323846;

/* The random numbers of one sample, and of what all samples share. */
static gd_rng stream_of(uint64_t seed, int64_t sample) {
  return gd_rng_stream(seed, GD_RNG_GENERATE, (uint64_t)sample);
}

static gd_rng stream_of_all(uint64_t seed) {
  return gd_rng_stream(seed, GD_RNG_GENERATE, (uint64_t)1 << 55);
}

/* A generator: its own sizes, and how one sample is made. y: targets, or y[0] the label. */
typedef struct generator {
  const char *name, *about;
  int64_t n, d, k; /* when not given */
  double noise;
  enum {
    TABLE,
    PLANE,
    SIZED,
    PICTURE
  } sizes; /* which may be changed: n only; n and k; n, d and k; n and the side d */
  bool labels;
  void (*sample)(const gd_generate_options *o, int64_t i, double *x, double *y);
} generator;

/* ---- the tables of the tutorials ---- */

static void line(const gd_generate_options *o, int64_t i, double *x, double *y) {
  gd_rng r = stream_of(o->seed, i);
  x[0] = gd_rng_uniform(r, 0);
  y[0] = 1 + 2 * x[0] + o->noise * gd_rng_normal(r, 1);
}

static void sine(const gd_generate_options *o, int64_t i, double *x, double *y) {
  gd_rng r = stream_of(o->seed, i);
  x[0] = 2 * gd_rng_uniform(r, 0) - 1;
  y[0] = sin(PI * x[0]) + o->noise * gd_rng_normal(r, 1);
}

static void notgate(const gd_generate_options *o, int64_t i, double *x, double *y) {
  (void)o;
  x[0] = (double)(i % 2);
  y[0] = 1 - x[0];
}

/* Temperature, rainfall, humidity -> yields of apples and oranges. The first five rows are the short
 * table. */
static const double yields_table[15][5] = {
    {73, 67, 43, 56, 70},    {91, 88, 64, 81, 101},  {87, 134, 58, 119, 133}, {102, 43, 37, 22, 37},
    {69, 96, 70, 103, 119},  {74, 66, 43, 57, 69},   {91, 87, 65, 80, 102},   {88, 134, 59, 118, 132},
    {101, 44, 37, 21, 38},   {68, 96, 71, 104, 118}, {73, 66, 44, 57, 69},    {92, 87, 64, 82, 100},
    {87, 135, 57, 118, 134}, {103, 43, 36, 20, 38},  {68, 97, 70, 102, 120}};

static void yields(const gd_generate_options *o, int64_t i, double *x, double *y) {
  const double *row = yields_table[i % (strcmp(o->name, "yields") == 0 ? 5 : 15)];
  memcpy(x, row, 3 * sizeof *x);
  memcpy(y, row + 3, 2 * sizeof *y);
}

/* ---- regression with known truth ---- */

/*
 * x_j = normal * condition^(-j / (2 (d - 1))): the covariance has the eigenvalues 1 ... 1 / condition.
 * y_t = sum_j w_tj x_j + noise, with normal weights w that belong to the seed.
 */
static void linear(const gd_generate_options *o, int64_t i, double *x, double *y) {
  gd_rng r = stream_of(o->seed, i), shared = stream_of_all(o->seed);
  double step = o->d > 1 ? -0.5 / (double)(o->d - 1) : 0;
  for (int64_t j = 0; j < o->d; j++)
    x[j] = gd_rng_normal(r, (uint64_t)j) * pow(o->condition, step * (double)j);
  for (int64_t t = 0; t < o->k; t++) {
    y[t] = o->noise * gd_rng_normal(r, (uint64_t)(o->d + t));
    for (int64_t j = 0; j < o->d; j++) y[t] += gd_rng_normal(shared, (uint64_t)(t * o->d + j)) * x[j];
  }
}

/* (-1)^(i . column): the columns of a Walsh matrix, orthogonal over any whole period of a power of two. */
static double walsh(int64_t i, int64_t column) {
  return __builtin_parityll((unsigned long long)(i & column)) ? -1 : 1;
}

/*
 * A noisy quadratic that is exact without sampling: for s and v_t orthogonal signs
 *   x = s / sqrt condition,  y_t = 10 s + noise v_t
 * so a linear layer sees the curvatures 1 (bias) and 1 / condition (weight), its optimum is
 * (0, 10 sqrt condition), its least loss noise^2. datasets/README.md has what follows for SGD.
 */
static void quadratic(const gd_generate_options *o, int64_t i, double *x, double *y) {
  const double distance = 10, s = walsh(i, 1);
  x[0] = s / sqrt(o->condition);
  for (int64_t t = 0; t < o->k; t++) y[t] = distance * s + o->noise * walsh(i, t + 2);
}

/* ---- classes in the plane; class of sample i: i mod k ---- */

/* Centres on a circle, neighbours 4 apart. */
static void blobs(const gd_generate_options *o, int64_t i, double *x, double *y) {
  gd_rng r = stream_of(o->seed, i);
  int64_t c = i % o->k;
  double radius = o->k > 1 ? 2 / sin(PI / (double)o->k) : 0, angle = 2 * PI * (double)c / (double)o->k;
  for (int64_t j = 0; j < o->d; j++) x[j] = o->noise * gd_rng_normal(r, (uint64_t)j);
  x[0] += radius * cos(angle);
  if (o->d > 1) x[1] += radius * sin(angle);
  y[0] = (double)c;
}

/* k arms of 1.5 turns. */
static void spirals(const gd_generate_options *o, int64_t i, double *x, double *y) {
  gd_rng r = stream_of(o->seed, i);
  int64_t c = i % o->k;
  double t = sqrt(gd_rng_uniform(r, 0)), angle = 2 * PI * (1.5 * t + (double)c / (double)o->k);
  x[0] = t * cos(angle) + o->noise * gd_rng_normal(r, 1);
  x[1] = t * sin(angle) + o->noise * gd_rng_normal(r, 2);
  y[0] = (double)c;
}

/* Two half circles, one inside the other. */
static void moons(const gd_generate_options *o, int64_t i, double *x, double *y) {
  gd_rng r = stream_of(o->seed, i);
  double angle = PI * gd_rng_uniform(r, 0);
  bool lower = i % 2;
  x[0] = (lower ? 1 - cos(angle) : cos(angle)) + o->noise * gd_rng_normal(r, 1);
  x[1] = (lower ? 0.5 - sin(angle) : sin(angle)) + o->noise * gd_rng_normal(r, 2);
  y[0] = lower;
}

static const generator generators[] = {
    {"line", "y = 1 + 2 x + noise, x on [0, 1)", 100, 1, 1, 0.1, TABLE, false, line},
    {"yields", "temperature, rainfall, humidity -> yields of apples, oranges; 5 rows", 5, 3, 2, 0, TABLE,
     false, yields},
    {"yields15", "the same with 15 rows", 15, 3, 2, 0, TABLE, false, yields},
    {"sine", "y = sin(pi x) + noise, x on [-1, 1)", 32, 1, 1, 0.25, TABLE, false, sine},
    {"notgate", "y = 1 - x, x = 0, 1", 2, 1, 1, 0, TABLE, false, notgate},
    {"linear", "normal inputs of a chosen condition number, linear targets, noise", 1000, 10, 1, 0.1, SIZED,
     false, linear},
    {"quadratic", "a noisy quadratic whose course under SGD is known", 2048, 1, 1024, 2, PLANE, false,
     quadratic},
    {"blobs", "k normal clouds on a circle", 1000, 2, 3, 1, SIZED, true, blobs},
    {"spirals", "k interleaved spiral arms in the plane", 1500, 2, 3, 0.02, PLANE, true, spirals},
    {"moons", "two interleaved half circles", 1000, 2, 2, 0.1, TABLE, true, moons},
    {"glyphs", "digits 0-9 drawn from strokes, 28 x 28 pixels", 10000, 784, 10, 0.25, TABLE, true, NULL},
    {"shapes", "circles, squares and triangles, d x d pixels, with a label for each pixel", 1000, 32,
     GDI_SHAPE_CLASSES, 0.15, PICTURE, true, NULL},
};
enum { GENERATORS = sizeof generators / sizeof generators[0] };

const char *gd_generator_name(int i) {
  return i >= 0 && i < GENERATORS ? generators[i].name : NULL;
}

const char *gd_generator_about(int i) {
  return i >= 0 && i < GENERATORS ? generators[i].about : NULL;
}

static const generator *find(const char *name) {
  for (int i = 0; name && i < GENERATORS; i++)
    if (strcmp(generators[i].name, name) == 0) return &generators[i];
  return NULL;
}

/* The options with the generator's own where nothing is given. */
static gd_status complete(gd_generate_options *o, const generator *g) {
  enum { MAX_SIZE = 1 << 24 };
  if (g->sizes == PICTURE && o->d > 0 && (o->d < 8 || o->d > 1024))
    return GD_FAIL(GD_ERR_USAGE, "%s: pictures of %lld pixels a side; 8 to 1024 are possible", g->name,
                   (long long)o->d);
  if (g->sizes != SIZED && g->sizes != PICTURE && o->d > 0 && o->d != g->d)
    return GD_FAIL(GD_ERR_USAGE, "%s always has %lld inputs", g->name, (long long)g->d);
  if ((g->sizes == TABLE || g->sizes == PICTURE) && o->k > 0 && o->k != g->k)
    return GD_FAIL(GD_ERR_USAGE, "%s always has %lld %s", g->name, (long long)g->k,
                   g->labels ? "classes" : "targets");
  if (o->n < 0 || o->d < 0 || o->k < 0 || o->d > MAX_SIZE || o->k > MAX_SIZE || o->n > INT64_MAX >> 30)
    return GD_FAIL(GD_ERR_USAGE, "%s: %lld samples of %lld inputs, %lld targets or classes are not possible",
                   g->name, (long long)o->n, (long long)o->d, (long long)o->k);
  if (o->condition != 0 && !(o->condition >= 1 && o->condition < INFINITY))
    return GD_FAIL(GD_ERR_USAGE, "%s: the condition number is %g; it must be at least 1", g->name,
                   o->condition);
  if (!(o->noise < INFINITY)) return GD_FAIL(GD_ERR_USAGE, "%s: the noise is %g", g->name, o->noise);
  if (o->n == 0) o->n = g->n;
  if (o->d == 0) o->d = g->d;
  if (o->k == 0) o->k = g->k;
  if (o->noise < 0) o->noise = g->noise;
  if (o->condition == 0) o->condition = 10;
  return GD_OK;
}

static void fill_glyphs(gd_table *t, const gd_generate_options *o) {
  const int pixels = GDI_GLYPH_SIDE * GDI_GLYPH_SIDE;
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < t->n; i++) {
    gd_rng r = stream_of(o->seed, i);
    int digit = (int)gd_rng_below(r, 0, 10);
    gdi_glyph_draw((uint8_t *)t->x + i * pixels, digit, r, o->noise);
    ((int64_t *)t->y)[i] = digit;
  }
}

static void fill_shapes(gd_table *t, const gd_generate_options *o) {
  const int64_t pixels = o->d * o->d;
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < t->n; i++)
    gdi_shapes_draw((uint8_t *)t->x + i * pixels * 3, (int64_t *)t->y + i * pixels, o->d,
                    stream_of(o->seed, i), o->noise);
}

static void fill(gd_table *t, const gd_generate_options *o, const generator *g) {
  double label;
  for (int64_t i = 0; i < t->n; i++) {
    double *x = (double *)t->x + i * o->d, *y = g->labels ? &label : (double *)t->y + i * t->targets;
    g->sample(o, i, x, y);
    if (g->labels) ((int64_t *)t->y)[i] = (int64_t)label;
  }
}

gd_status gd_generate(gd_table *out, const gd_generate_options *options) {
  *out = (gd_table){0};
  const generator *g = find(options->name);
  if (!g)
    return GD_FAIL(GD_ERR_USAGE, "no generator is called %s", options->name ? options->name : "(nothing)");
  gd_generate_options o = *options;
  GD_TRY(complete(&o, g));
  const bool shapes = g->sizes == PICTURE, glyphs = !g->sample && !shapes;
  gd_table t = {.n = o.n, .ndim = 1, .sample = {o.d}, .x_type = GD_F64, .labels = g->labels};
  if (glyphs) t.x_type = GD_U8, t.ndim = 2, t.sample[0] = t.sample[1] = GDI_GLYPH_SIDE;
  if (shapes) t.x_type = GD_U8, t.ndim = 3, t.sample[1] = o.d, t.sample[2] = 3;
  if (shapes) t.y_ndim = 2, t.y_sample[0] = t.y_sample[1] = o.d;
  t.targets = t.labels ? 1 : o.k;
  t.classes = t.labels ? o.k : 0;
  t.y_vector = t.labels;
  GD_TRY(gdi_table_alloc(&t));
  gd_status st = t.labels ? gdi_table_number_classes(&t) : GD_OK;
  if (st != GD_OK) {
    gd_table_free(&t);
    return st;
  }
  for (int64_t c = 0; shapes && c < t.classes; c++) strcpy(t.class_name[c], gdi_shape_names[c]);
  if (glyphs)
    fill_glyphs(&t, &o);
  else if (shapes)
    fill_shapes(&t, &o);
  else
    fill(&t, &o, g);
  *out = t;
  return GD_OK;
}

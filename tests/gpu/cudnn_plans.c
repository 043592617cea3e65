/*
 * The real cuDNN has a deterministic plan for every convolution of the models by name, in every precision. It is asked without
 * a GPU: from version 9.8 on it plans for one that is described to it. Skipped where it is absent, older, or stands in for it.
 */
#include <string.h>

#include "device/conv.h"
#include "device/cuda/cudnn_plan.h"
#include "test.h"

/* Of cudnn.h, for this alone. */
enum { DEVICE = 38, DEVICE_JSON = 2702, HEURISTICS_DEVICE = 204, PLAN_DEVICE = 407, IS_CHAR = 24 };

static const char h100[] =
    "{\"maxGridSize\":[2147483647,65535,65535],\"maxBlockSize\":[1024,1024,64],\"regsPerBlock\":65536,"
    "\"multiProcessorCount\":132,\"smClockRateKHz\":1980000,\"memClockRateKHz\":2619000,\"l2CacheSize\":"
    "52428800,"
    "\"warpSize\":32,\"maxSharedMemoryPerBlock\":49152,\"maxSharedMemoryPerBlockOptin\":232448,"
    "\"reservedSharedMemoryPerBlock\":1024,\"maxRegistersPerSM\":65536,\"pciDeviceId\":0,\"maxCtasPerSM\":32,"
    "\"maxThreadsPerBlock\":1024,\"maxThreadsPerSM\":2048,\"isTccDriver\":0,\"supportCoopLaunch\":1,"
    "\"deviceVer\":900,\"driverVer\":13000,\"cudaDeviceId\":0,\"totalGlobalMem\":84929347584,"
    "\"deviceName\":\"NVIDIA H100 80GB HBM3\"}";

static gdi_cudnn_library lib;
static const gdi_cudnn_library *real;
static void *described;

/* What says the device by its handle says it by its description. */
static unsigned set(void *of, unsigned attribute, unsigned type, int64_t n, const void *values) {
  if (attribute == GDI_CUDNN_GRAPH_HANDLE) return GDI_CUDNN_SUCCESS;
  if (attribute == GDI_CUDNN_PLAN_HANDLE)
    return real->BackendSetAttribute(of, PLAN_DEVICE, GDI_CUDNN_IS_DESCRIPTOR, 1, &described);
  if (attribute == GDI_CUDNN_HEURISTICS_MODE) {
    const unsigned s =
        real->BackendSetAttribute(of, HEURISTICS_DEVICE, GDI_CUDNN_IS_DESCRIPTOR, 1, &described);
    if (s != GDI_CUDNN_SUCCESS) return s;
  }
  return real->BackendSetAttribute(of, attribute, type, n, values);
}

static bool describe_device(void) {
  real = gdi_cudnn_load();
  if (!real || real->version < 90800) return false;
  lib = *real;
  lib.BackendSetAttribute = set;
  return real->BackendCreateDescriptor(DEVICE, &described) == GDI_CUDNN_SUCCESS &&
         real->BackendSetAttribute(described, DEVICE_JSON, IS_CHAR, (int64_t)strlen(h100), h100) ==
             GDI_CUDNN_SUCCESS &&
         real->BackendFinalize(described) == GDI_CUDNN_SUCCESS;
}

static const struct {
  int64_t n, c, o, size, kernel, stride, padding, groups;
} shapes[] = {{64, 3, 16, 32, 3, 1, 1, 1},    {64, 16, 16, 32, 3, 1, 1, 1},  {64, 16, 32, 32, 3, 2, 1, 1},
              {64, 16, 32, 32, 1, 2, 0, 1},   {64, 64, 64, 8, 3, 1, 1, 1},   {32, 3, 64, 224, 7, 2, 3, 1},
              {32, 256, 512, 28, 1, 1, 0, 1}, {32, 3, 64, 224, 11, 4, 2, 1}, {32, 128, 128, 28, 3, 1, 1, 32},
              {7, 5, 7, 13, 3, 1, 1, 1},      {1, 1, 1, 1, 1, 1, 0, 1}};

static gdi_cudnn_form form(size_t shape, gdi_conv_pass pass, gd_dtype type) {
  gdi_cudnn_form f = {.pass = pass,
                      .type = type,
                      .n = shapes[shape].n,
                      .groups = shapes[shape].groups,
                      .c = shapes[shape].c,
                      .o = shapes[shape].o,
                      .align = 16};
  for (int i = 0; i < 2; i++) {
    f.in[i] = shapes[shape].size, f.kernel[i] = shapes[shape].kernel, f.stride[i] = shapes[shape].stride;
    f.dilation[i] = 1, f.begin[i] = f.end[i] = shapes[shape].padding;
    f.out[i] = (f.in[i] + 2 * f.begin[i] - f.kernel[i]) / f.stride[i] + 1;
  }
  return f;
}

static void assert_offered(gd_matmul_type matmul, const gdi_cudnn_form *f) {
  gd_device d = {.kind = GD_CUDA, .matmul = matmul};
  const gdi_cudnn_planner planner = {&lib, &d, NULL};
  gdi_cudnn_plan *p;
  assert_ok(gdi_cudnn_plan_new(&planner, f, &p));
  if (!p->offered)
    fail_msg("none for pass %d of %s, %lld to %lld channels, kernel %lld", (int)f->pass,
             gd_dtype_name((gd_dtype)f->type), (long long)f->c, (long long)f->o, (long long)f->kernel[0]);
  gdi_cudnn_plan_free(&planner, p);
}

static void every_convolution_has_a_plan(void **state) {
  (void)state;
  for (int matmul = GD_MATMUL_NATIVE; matmul <= GD_MATMUL_TF32; matmul++)
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
      for (int pass = GDI_CONV_FORWARD; pass <= GDI_CONV_WEIGHTS; pass++) {
        gdi_cudnn_form f = form(s, (gdi_conv_pass)pass, matmul == GD_MATMUL_BF16 ? GD_BF16 : GD_F32);
        assert_offered((gd_matmul_type)matmul, &f);
        if (matmul == GD_MATMUL_BF16) continue;
        f.add = 1;
        assert_offered((gd_matmul_type)matmul, &f);
        f.type = GD_F64;
        assert_offered((gd_matmul_type)matmul, &f);
      }
}

static void a_bias_and_relu_are_fused(void **state) {
  (void)state;
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
    gdi_cudnn_form f = form(s, GDI_CONV_FORWARD, GD_F32);
    for (f.bias = 1, f.relu = 0; f.relu < 2; f.relu++) {
      assert_offered(GD_MATMUL_NATIVE, &f);
      assert_offered(GD_MATMUL_TF32, &f);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_convolution_has_a_plan),
                                     cmocka_unit_test(a_bias_and_relu_are_fused)};
  if (!describe_device()) {
    printf("skipped: no cuDNN that can be asked without a GPU is here\n");
    return 77;
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}

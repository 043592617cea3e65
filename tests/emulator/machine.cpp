/* The machine: settings, errors, and what every call of the API begins and ends with. */
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "emulator.h"

namespace emulated {

Machine &machine() {
  static Machine *m = new Machine; /* lives as long as any thread may call */
  return *m;
}

Thread &thread() {
  static thread_local Thread t;
  return t;
}

static const char *setting(const char *name, const char *otherwise) {
  const char *value = getenv(name);
  return value && *value ? value : otherwise;
}

[[noreturn]] static void refuse(const char *name, const char *value) {
  fprintf(stderr, "emulated GPU: %s=%s is not understood\n", name, value);
  abort();
}

static bool choice(const char *name, const char *yes, const char *no) {
  const char *value = setting(name, yes);
  if (strcmp(value, yes) != 0 && strcmp(value, no) != 0) refuse(name, value);
  return strcmp(value, yes) == 0;
}

void Settings::read() {
  *this = Settings();
  const char *count = setting("GDTRAIN_EMULATED_GPUS", "0");
  driver = strcmp(count, "no-driver") != 0;
  devices = driver ? atoi(count) : 0;
  lazy = choice("GDTRAIN_EMULATED_STREAMS", "lazy", "eager");
  guard = choice("GDTRAIN_EMULATED_GUARD", "on", "off");
  memory_bytes = (size_t)atol(setting("GDTRAIN_EMULATED_MEMORY", "2048")) << 20;

  const char *o = setting("GDTRAIN_EMULATED_ORDER", "forward");
  if (strncmp(o, "random:", 7) == 0)
    order = Order::random, random.seed((unsigned)atol(o + 7));
  else if (strcmp(o, "reverse") == 0)
    order = Order::reverse;
  else if (strcmp(o, "forward") != 0)
    refuse("GDTRAIN_EMULATED_ORDER", o);

  const char *f = setting("GDTRAIN_EMULATED_FAULT", nullptr);
  if (!f) return;
  int code, rank = -1, n;
  n = sscanf(f, "%d@%ld:%d", &code, &fault_launch, &rank);
  if (n < 2) refuse("GDTRAIN_EMULATED_FAULT", f);
  fault = (cudaError_t)code;
  if (rank >= 0 && rank != atoi(setting("OMPI_COMM_WORLD_RANK", "0"))) fault_launch = 0;
}

void start() {
  Machine &m = machine();
  if (m.started) return;
  m.started = true;
  m.settings.read();
  m.devices = std::vector<Device>((size_t)m.settings.devices);
  for (int i = 0; i < m.settings.devices; i++)
    m.devices[(size_t)i].legacy.reset(new CUstream_st{i, true, {}, nullptr, nullptr, {}});
}

static cudaError_t refusal() {
  const Machine &m = machine();
  if (!m.settings.driver) return cudaErrorInsufficientDriver;
  if (m.devices.empty()) return cudaErrorNoDevice;
  return m.fault;
}

cudaError_t call(const std::function<cudaError_t()> &body) {
  Thread &t = thread();
  if (t.executing) return cudaErrorNotPermitted; /* the lock is this thread's already */
  std::unique_lock<std::mutex> lock(machine().lock);
  start();
  if ((size_t)t.device >= machine().devices.size()) t.device = 0;
  cudaError_t e = refusal();
  if (e == cudaSuccess) {
    t.lock = &lock;
    e = body();
    memory_close();
  }
  if (e != cudaSuccess) t.last = e;
  return e;
}

} // namespace emulated

using namespace emulated;

/* Everything is gone, the error too. */
cudaError_t cudaDeviceReset(void) {
  if (thread().executing) return cudaErrorNotPermitted;
  Machine &m = machine();
  std::lock_guard<std::mutex> lock(m.lock);
  for (CUstream_st *s : m.streams) delete s;
  for (CUevent_st *e : m.events) delete e;
  for (CUgraph_st *g : m.graphs) delete g;
  for (CUgraphExec_st *e : m.execs) delete e;
  m.streams.clear(), m.events.clear(), m.graphs.clear(), m.execs.clear(), m.captures.clear(),
      m.devices.clear();
  memory_reset();
  m.fault = cudaSuccess, m.launches = 0, m.started = false;
  thread() = Thread();
  return cudaSuccess;
}

static cudaError_t last_error(bool clear) {
  Thread &t = thread();
  if (t.executing) return cudaErrorNotPermitted;
  std::lock_guard<std::mutex> lock(machine().lock);
  if (machine().fault != cudaSuccess) return machine().fault;
  const cudaError_t e = t.last;
  if (clear) t.last = cudaSuccess;
  return e;
}

cudaError_t cudaGetLastError(void) {
  return last_error(true);
}

cudaError_t cudaPeekAtLastError(void) {
  return last_error(false);
}

const char *cudaGetErrorName(cudaError_t error) {
  switch (error) {
#define GDI_CUDA_ERROR(name, value, text)                                                                    \
  case name: return #name;
    GDI_CUDA_ERRORS(GDI_CUDA_ERROR)
#undef GDI_CUDA_ERROR
  }
  return "unrecognized error code";
}

const char *cudaGetErrorString(cudaError_t error) {
  switch (error) {
#define GDI_CUDA_ERROR(name, value, text)                                                                    \
  case name: return text;
    GDI_CUDA_ERRORS(GDI_CUDA_ERROR)
#undef GDI_CUDA_ERROR
  }
  return "unrecognized error code";
}

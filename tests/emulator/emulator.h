/* The emulated GPU: what its files share. */
#ifndef GDI_EMULATOR_H
#define GDI_EMULATOR_H

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <cuda_runtime_api.h>

namespace emulated {

/* ---- settings: the environment, read at the first call and again by cudaDeviceReset ---- */

enum class Order { forward, reverse, random };

struct Settings {
  int devices = 0;
  bool driver = true, lazy = true, guard = true;
  size_t memory_bytes = 0; /* of a device */
  Order order = Order::forward;
  std::mt19937 random;
  long fault_launch = 0; /* this launch fails; 0: none */
  cudaError_t fault = cudaSuccess;
  void read();
};

/* ---- work ---- */

/* Device memory while work runs. Protecting all of it costs much: copies open what they touch. */
enum class Access { all, none, by_itself };

/* What a stream or a graph executes. run() may answer cudaErrorNotReady: call again later. */
struct Work {
  cudaGraphNodeType type;
  Access access;
  std::function<cudaError_t()> run;
  std::shared_ptr<void> held = nullptr; /* in captures and graphs: goes with the last of them */
};

/* Work in the queue of a stream. */
struct Op {
  Work work;
  CUstream_st *stream;
  std::vector<std::shared_ptr<Op>> after; /* in other streams */
  bool done = false;
  double ms = 0; /* when it was done */
};
using OpRef = std::shared_ptr<Op>;

struct Capture;

/* ---- the machine ---- */

struct Device {
  size_t used_bytes = 0;
  std::unique_ptr<CUstream_st> legacy; /* the stream NULL */
};

struct Machine {
  std::mutex lock; /* held by every call of the API: one thread at a time executes work */
  bool started = false;
  Settings settings;
  std::vector<Device> devices;
  std::vector<CUstream_st *> streams; /* in order of creation, without the legacy ones */
  std::set<CUevent_st *> events;
  std::set<CUgraph_st *> graphs;
  std::set<CUgraphExec_st *> execs;
  std::set<std::shared_ptr<Capture>> captures; /* under way */
  cudaError_t fault = cudaSuccess;             /* sticky: the device is lost */
  long launches = 0;
};
Machine &machine();

/* Of the calling thread. */
struct Thread {
  int device = 0;
  bool executing = false; /* runs work: may not call the API */
  cudaError_t last = cudaSuccess;
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  std::unique_lock<std::mutex> *lock = nullptr; /* of the call under way */
};
Thread &thread();

/* Every function of the API: locked, refused after a fault and without a device; the error is remembered. */
cudaError_t call(const std::function<cudaError_t()> &body);
void start(); /* at the first call: the settings and the devices they ask for */
#define TRY(expression)                                                                                      \
  do {                                                                                                       \
    const cudaError_t error_ = (expression);                                                                 \
    if (error_ != cudaSuccess) return error_;                                                                \
  } while (0)

/* ---- streams ---- */

CUstream_st *stream_of(cudaStream_t handle); /* NULL when there is no such stream on the thread's device */
/* Queue it, or add it to the capture of the stream. */
cudaError_t submit(CUstream_st *s, Work work, std::vector<OpRef> after = {});
cudaError_t wait_for(OpRef op); /* executes what op needs; NULL: nothing to wait for */
cudaError_t query(OpRef op);    /* one step at most */
cudaError_t wait_for_all();

/* ---- captures ---- */

/* Success, or why a call is refused now; that invalidates the captures concerned. */
cudaError_t refuse_while_capturing(); /* the call is unsafe beside a capture */
cudaError_t refuse_to_wait_for(CUstream_st *s);
cudaError_t refuse_implicit(CUstream_st *s); /* s is the legacy stream, and would wait for a captured one */
cudaError_t capture_work(CUstream_st *s, Work work);
cudaError_t capture_wait(CUstream_st *s, CUevent_st *event); /* one of the two is captured */
void capture_forget(CUstream_st *s);                         /* it is destroyed */

/* ---- memory ---- */

enum class Place { device, pinned, pageable, wrong }; /* wrong: over the end of a piece of device memory */
Place place_of(const void *p, size_t bytes);
void memory_open();
void memory_open_at(const void *p); /* the piece there; nothing where there is none */
void memory_close();
void memory_reset();

/* ---- kernels ---- */

/* body() once for every thread of every block. */
cudaError_t run_grid(const std::string &name, unsigned blocks, unsigned threads,
                     const std::function<void()> &body);
/* What the environment asks for: the numbers first ... first + n - 1 in the order of execution. */
void execution_order(std::vector<int> &out, int n);

} // namespace emulated

struct CUstream_st {
  int device;
  bool blocking; /* waits for the legacy stream, and the other way round */
  std::deque<emulated::OpRef> queue;
  emulated::OpRef last;
  std::shared_ptr<emulated::Capture> capture; /* it takes part in */
  std::set<size_t> tips;                      /* nodes that the next one comes after */
};

struct CUevent_st {
  int device;
  bool timed;
  /* Of the last record: the one or the other. */
  emulated::OpRef op;
  std::shared_ptr<emulated::Capture> capture;
  std::set<size_t> tips;
};

struct CUgraphNode_st {
  emulated::Work work;
  std::vector<size_t> after; /* numbers of nodes */
};

struct CUgraph_st {
  std::vector<CUgraphNode_st> nodes; /* in the order of capture */
};

struct CUgraphExec_st {
  std::vector<CUgraphNode_st> nodes;
  emulated::OpRef last; /* end of the last launch */
};

struct emulated::Capture {
  CUstream_st *origin;
  cudaStreamCaptureMode mode;
  std::thread::id thread;
  bool valid = true;
  std::vector<CUgraphNode_st> nodes = {};
};

#endif

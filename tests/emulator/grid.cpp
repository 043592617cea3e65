/*
 * Kernels. Blocks run one after another; within a block every warp runs as far as it can without the others.
 * A fiber takes thread after thread, until one waits at a barrier: then that thread keeps the fiber.
 */
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <numeric>

#include <cuda_runtime.h>

#include "emulator.h"
#include "fiber.h"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace emulated {

enum class State { fresh, ready, at_warp, at_block, done };

struct GpuThread {
  State state;
  Fiber *fiber; /* that runs it, while it waits */
  int line;     /* where it waits */
};

constexpr int lanes = 32;

/* Of the grid that runs. */
static const std::function<void()> *body;
static std::vector<GpuThread> threads;
static std::vector<int> to_start; /* of the warp that starts: threads, the next one last */
static std::vector<std::unique_ptr<Fiber>> fibers;
static std::vector<Fiber *> idle;
static Fiber *current;

/* Values in shuffles: threads write to one half, and read from the other once all have written. */
static struct Exchange {
  char slot[2][lanes][8];
  int turn;
} exchange[1024 / lanes];

void execution_order(std::vector<int> &out, int n) {
  Settings &s = machine().settings;
  out.resize((size_t)n);
  std::iota(out.begin(), out.end(), 0);
  if (s.order == Order::reverse) std::reverse(out.begin(), out.end());
  if (s.order == Order::random) std::shuffle(out.begin(), out.end(), s.random);
}

/* ---- inside of fibers ---- */

static void fiber_main() {
  for (;;) {
    Fiber *me = current;
    while (!to_start.empty()) {
      const int t = to_start.back();
      to_start.pop_back();
      threads[(size_t)t].fiber = me;
      threadIdx.x = (unsigned)t;
      (*body)();
      threads[threadIdx.x].state = State::done;
    }
    idle.push_back(me);
    Fiber::leave();
  }
}

static void wait_at(State where, int line) {
  const unsigned t = threadIdx.x;
  threads[t].state = where, threads[t].line = line;
  Fiber::leave();
}

/* ---- outside ---- */

static bool deadlock(const std::string &name, size_t first, size_t n) {
  size_t waits = first, other = first;
  const auto waiting = [&](size_t t) {
    return threads[t].state == State::at_warp || threads[t].state == State::at_block;
  };
  while (!waiting(waits)) waits++;
  while (other < first + n && waiting(other) && threads[other].state == threads[waits].state &&
         threads[other].line == threads[waits].line)
    other++;
  fprintf(stderr, "emulated GPU: deadlock in %s: block %u: thread %zu waits for its %s in line %d",
          name.c_str(), blockIdx.x, waits, threads[waits].state == State::at_warp ? "warp" : "block",
          threads[waits].line);
  if (other < first + n && waiting(other))
    fprintf(stderr, ", but thread %zu waits in line %d\n", other, threads[other].line);
  else
    fprintf(stderr, ", but thread %zu has ended\n", other);
  return false;
}

/* Whether all threads wait there, and in one line; then they may go on. */
static bool release(State where, size_t first, size_t n) {
  for (size_t t = first; t < first + n; t++)
    if (threads[t].state != where || threads[t].line != threads[first].line) return false;
  for (size_t t = first; t < first + n; t++) threads[t].state = State::ready;
  return true;
}

static bool any(State s, size_t first, size_t n) {
  return std::any_of(threads.begin() + (long)first, threads.begin() + (long)(first + n),
                     [s](const GpuThread &t) { return t.state == s; });
}

static void enter(Fiber *f) {
  current = f;
  f->enter();
}

static void start_warp(size_t first, const std::vector<int> &order) {
  for (size_t i = order.size(); i-- > 0;) to_start.push_back((int)first + order[i]);
  while (!to_start.empty()) {
    if (idle.empty()) {
      fibers.push_back(std::make_unique<Fiber>(fiber_main));
      idle.push_back(fibers.back().get());
    }
    Fiber *f = idle.back();
    idle.pop_back();
    enter(f);
  }
}

/* Run a warp until its threads wait for the block or have ended. */
static bool advance_warp(const std::string &name, size_t first, size_t n) {
  std::vector<int> order;
  execution_order(order, (int)n);
  if (threads[first].state == State::fresh) start_warp(first, order);
  for (;;) {
    for (int i : order) {
      const size_t t = first + (size_t)i;
      if (threads[t].state != State::ready) continue;
      threadIdx.x = (unsigned)t;
      enter(threads[t].fiber);
    }
    if (!any(State::at_warp, first, n)) return true;
    if (!release(State::at_warp, first, n)) return deadlock(name, first, n);
    exchange[first / lanes].turn ^= 1;
  }
}

static bool run_block(const std::string &name, size_t n) {
  threads.assign(n, {State::fresh, nullptr, 0});
  std::vector<int> order;
  execution_order(order, (int)((n + lanes - 1) / lanes));
  do {
    for (int w : order) {
      const size_t first = (size_t)w * lanes;
      if (!advance_warp(name, first, std::min<size_t>(lanes, n - first))) return false;
    }
    if (!any(State::at_block, 0, n)) return true;
  } while (release(State::at_block, 0, n));
  return deadlock(name, 0, n);
}

cudaError_t run_grid(const std::string &name, unsigned blocks, unsigned n, const std::function<void()> &f) {
  body = &f;
  gridDim = dim3(blocks), blockDim = dim3(n);
  threadIdx = blockIdx = {0, 0, 0};
  std::vector<int> order;
  execution_order(order, (int)blocks);
  for (int b : order) {
    blockIdx.x = (unsigned)b;
    if (run_block(name, n)) continue;
    idle.clear(); /* fibers of threads that wait for ever */
    for (auto &fiber : fibers) fiber->restart(), idle.push_back(fiber.get());
    return cudaErrorLaunchFailure;
  }
  return cudaSuccess;
}

} // namespace emulated

using namespace emulated;

void gdi_emulated_block_barrier(int line) {
  wait_at(State::at_block, line);
}

void gdi_emulated_warp_barrier(unsigned mask, int line) {
  const unsigned first = threadIdx.x & ~31u, n = std::min(blockDim.x - first, 32u),
                 all = n == 32 ? ~0u : (1u << n) - 1;
  if ((mask & all) != all) {
    fprintf(stderr, "emulated GPU: a barrier of a part of a warp, mask %08x, in line %d\n", mask, line);
    abort();
  }
  wait_at(State::at_warp, line);
}

void gdi_emulated_shuffle(unsigned mask, void *value, size_t bytes, int from, int line) {
  const unsigned lane = threadIdx.x % 32, first = threadIdx.x - lane;
  Exchange &x = exchange[first / lanes];
  const int turn = x.turn;
  memcpy(x.slot[turn][lane], value, bytes);
  gdi_emulated_warp_barrier(mask, line);
  if (first + (unsigned)from < blockDim.x)
    memcpy(value, x.slot[turn][from], bytes);
  else
    memset(value, 0xff, bytes); /* no such thread: anything, on a GPU */
}

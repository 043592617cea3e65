/* Fibers: stacks of their own that one host thread switches between. */
#ifndef GDI_EMULATOR_FIBER_H
#define GDI_EMULATOR_FIBER_H

#include <cstddef>

namespace emulated {

class Fiber {
public:
  explicit Fiber(void (*main)()); /* main never returns: it leaves */
  ~Fiber();
  Fiber(const Fiber &) = delete;
  Fiber &operator=(const Fiber &) = delete;
  void enter();        /* from outside: run until it leaves */
  static void leave(); /* from inside: back to who entered */
  void restart();      /* forget what it was doing */

private:
  struct Context;
  Context *context;
};

} // namespace emulated
#endif

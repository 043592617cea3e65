/*
 * A stand-in for NCCL on emulated GPUs: ranks are processes of an MPI job, and data goes by messages of MPI.
 *
 * As in NCCL an operation is queued on a stream, or recorded, and passes data when it runs. Communicators do
 * not block: calls may answer ncclInProgress, and then nothing else may be called before
 * ncclCommGetAsyncError says that they are done.
 *
 * It is stricter than NCCL. Operations of a communicator run in the same order on all ranks, whatever the
 * streams; all ranks pass memory that is registered, or none does; nothing is recorded before the first
 * operation ran, nor still queued or in a graph at the end. Operations that meet and do not fit are an error,
 * told on stderr too. An abort does not come back before the graphs with its operations are gone: as in NCCL.
 *
 * It is not like NCCL in that streams run only when their owner waits: a rank that does not come to wait is
 * one that the others wait for. Sums are taken in the order of ranks.
 *
 * GDTRAIN_STUB_NCCL plants a fault, on one rank or, without one, on all:
 *   error@N:RANK     the N-th operation that runs is a system error
 *   hang@N:RANK      ... never ends, and nobody says so
 *   cling@N:RANK     ... nor does the abort
 *   block@N:RANK     the call that queues or records the N-th operation does not come back
 *   refuse@N:RANK    ... is a system error
 *   slow@N:RANK:MS   ... and each after it takes that long
 *   version@CODE:RANK   (rank of the job)
 */
#ifndef GDI_EMULATED_NCCL_COMM_H
#define GDI_EMULATED_NCCL_COMM_H

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#define OMPI_SKIP_MPICXX 1
#include <mpi.h>
#include <nccl.h>

namespace stub {

enum class Kind : int { send, receive, sum, broadcast };

/* A call of the API, until it runs. */
struct Call {
  Kind kind;
  const void *from;
  void *to;
  size_t n;
  ncclDataType_t type;
  int peer; /* or root */
  bool registered;
};

/* What one execution passes between two ranks: the head says what it belongs to. */
struct Head {
  Kind kind;
  ncclDataType_t type;
  size_t n;
  int root, registered;
  bool operator==(const Head &o) const;
};

struct Message {
  int peer, tag;
  size_t call; /* of the group */
  std::vector<char> bytes;
  MPI_Request request = MPI_REQUEST_NULL;
  bool started = false, done = false;
};

/* One operation, alone or grouped: what it does, and an execution of it. */
struct Group {
  ncclComm *comm;
  std::vector<Call> calls;
  bool recorded;
};
struct Run {
  long number;
  double started_ms;
  bool hangs = false;
  std::deque<Message> out = {}, in = {};
  std::deque<std::vector<char>> myself = {}; /* messages to this rank */
};

struct Fault {
  std::string kind;
  long at = 0, ms = 0;
  int rank = -1;
  bool hits(const char *name, long number, int on) const;
};
const Fault &fault();

double now_ms();

} // namespace stub

struct ncclComm {
  int rank, size;
  ncclUniqueId id;
  int number;             /* of the communicator, for tags */
  std::vector<int> world; /* the job's rank of each rank */
  std::atomic<int> state{ncclInProgress};
  std::atomic<bool> aborted{false}, destroyed{false};
  bool ready = false; /* all ranks have met */
  int busy = 0;       /* how often the state is still in progress */
  std::string last_error;
  long queued = 0, runs = 0; /* operations that are to run; executions that began */
  std::atomic<long> held{0}; /* operations in captures and graphs */
  std::vector<std::unique_ptr<stub::Group>> groups;
  std::set<std::pair<const char *, size_t>> memory; /* registered */

  ncclResult_t fail(ncclResult_t code, const std::string &why);
  /* Collectives are counted by all ranks alike; what one rank sends to another, by those two. */
  long collectives = 1; /* tags 0 and 1 are of the start */
  std::map<int, long> sent, received;
  int tag(long n, bool alone = false) const {
    return (number % 64) << 24 | alone << 23 | (int)(n & 0x7fffff);
  }
};

namespace stub {

void meet(ncclComm *comm);         /* start.cpp: one step of finding the others */
cudaError_t execute(void *ticket); /* work.cpp: what runs on the stream */
struct Ticket {
  Group *group;
  Run *run;
};

} // namespace stub

#endif

/* How ranks find each other: all tell the one that made the id who they are, and it tells all. */
#include <cstdlib>
#include <cstring>

#include "comm.h"

namespace stub {

struct Id {
  int root, number;
};
struct Card {
  int rank, size, world;
};

static bool mpi_runs() {
  int running, ended;
  MPI_Initialized(&running);
  MPI_Finalized(&ended);
  return running && !ended;
}

static int world_rank() {
  int rank = 0;
  if (mpi_runs()) MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank;
}

static Id read_id(const ncclUniqueId &id) {
  Id own;
  memcpy(&own, id.internal, sizeof own);
  return own;
}

/* The one that made the id collects cards, and when it has all, sends the table. */
static void collect(ncclComm *comm) {
  int here = 0;
  MPI_Status status;
  MPI_Iprobe(MPI_ANY_SOURCE, comm->tag(0), MPI_COMM_WORLD, &here, &status);
  if (!here) return;
  Card c;
  MPI_Recv(&c, sizeof c, MPI_BYTE, status.MPI_SOURCE, comm->tag(0), MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  if (c.size != comm->size || c.rank < 0 || c.rank >= c.size || comm->world[(size_t)c.rank] >= 0) {
    comm->fail(ncclInvalidArgument, "ranks differ in the number of ranks, or two have the same");
    return;
  }
  comm->world[(size_t)c.rank] = c.world;
  for (int w : comm->world)
    if (w < 0) return;
  for (int w : comm->world)
    if (w != world_rank()) MPI_Send(comm->world.data(), comm->size, MPI_INT, w, comm->tag(1), MPI_COMM_WORLD);
  comm->ready = true;
}

static void await_table(ncclComm *comm, int root) {
  int here = 0;
  MPI_Iprobe(root, comm->tag(1), MPI_COMM_WORLD, &here, MPI_STATUS_IGNORE);
  if (!here) return;
  MPI_Recv(comm->world.data(), comm->size, MPI_INT, root, comm->tag(1), MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  comm->ready = true;
}

void meet(ncclComm *comm) {
  if (comm->ready) return;
  const int root = read_id(comm->id).root;
  if (root == world_rank())
    collect(comm);
  else
    await_table(comm, root);
}

} // namespace stub

using namespace stub;

ncclResult_t ncclGetVersion(int *version) {
  const char *rank = getenv("OMPI_COMM_WORLD_RANK");
  const Fault &f = fault();
  *version = f.hits("version", f.at, rank ? atoi(rank) : 0) ? (int)f.at : NCCL_VERSION_CODE;
  return ncclSuccess;
}

ncclResult_t ncclGetUniqueId(ncclUniqueId *id) {
  static int made = 0;
  const Id own = {world_rank(), ++made};
  memset(id, 0, sizeof *id);
  memcpy(id->internal, &own, sizeof own);
  return ncclSuccess;
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t *out, int ranks, ncclUniqueId id, int rank,
                                    ncclConfig_t *config) {
  if (!config || config->magic != 0xcafebeef || config->blocking != 0 || rank < 0 || rank >= ranks)
    return ncclInvalidArgument;
  if (ranks > 1 && !mpi_runs()) return ncclSystemError;
  const Id own = read_id(id);
  ncclComm *comm = *out = new ncclComm; /* lives as long as recorded work may */
  comm->rank = rank, comm->size = ranks, comm->id = id, comm->number = own.number;
  comm->world.assign((size_t)ranks, -1);
  const Card me = {rank, ranks, world_rank()};
  if (!mpi_runs() || own.root == me.world) {
    comm->world[(size_t)rank] = me.world;
    comm->ready = ranks == 1;
  } else {
    MPI_Send(&me, sizeof me, MPI_BYTE, own.root, comm->tag(0), MPI_COMM_WORLD);
  }
  comm->busy = 3;
  return ncclInProgress;
}

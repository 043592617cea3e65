/* Was this program started by a launcher, and how many of it? Asked before MPI is, which may not know. */
#include <stdlib.h>

#include "comm/world.h"

static int number(const char *variable) {
  const char *text = getenv(variable);
  return text ? atoi(text) : 0;
}

gdi_launcher gdi_launcher_find(void) {
  static const struct {
    const char *size, *rank, *name;
  } known[] = {
      {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "mpirun of Open MPI"},
      {"PMI_SIZE", "PMI_RANK", "a PMI launcher (mpiexec of MPICH, or srun)"},
      {"SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "srun"},
      {"MPI_LOCALNRANKS", "MPI_LOCALRANKID", "mpiexec of MPICH"},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (number(known[i].size) > 0 && getenv(known[i].rank))
      return (gdi_launcher){number(known[i].size), number(known[i].rank), known[i].name};
  if (getenv("PMIX_RANK")) return (gdi_launcher){1, number("PMIX_RANK"), "a PMIx launcher"};
  return (gdi_launcher){0, 0, NULL};
}

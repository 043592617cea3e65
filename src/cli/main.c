/* gdtrain: the commands, and how each of them begins and ends. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

static const struct {
  const char *name;
  gd_status (*run)(int argc, char **argv);
} commands[] = {{"train", command_train},   {"eval", command_eval},       {"predict", command_predict},
                {"data", command_data},     {"inspect", command_inspect}, {"graph", command_graph},
                {"export", command_export}, {"bench", command_bench}};
enum { COMMANDS = sizeof commands / sizeof *commands };

void print_help(FILE *f) {
  fputs(
      "gdtrain " GD_VERSION ": data-parallel training of neural networks by message passing\n"
      "\n"
      "  mpirun -n 8 gdtrain                                  a demonstration\n"
      "  mpirun -n 8 gdtrain run.yaml [--key value ...]       train; keys as in the file, --optimizer.lr "
      "0.1\n"
      "  mpirun -n 8 gdtrain --data train.h5 --val-data test.h5 --model \"linear:512 relu linear:10\"\n"
      "\n"
      "  gdtrain eval CHECKPOINT --data FILE                  metrics on a data set\n"
      "  gdtrain predict CHECKPOINT --data FILE --out FILE    predictions as .h5, .npy or .csv\n"
      "  gdtrain inspect FILE [--digest]                      what a checkpoint or data set holds\n"
      "  gdtrain export CHECKPOINT --out FILE.safetensors     weights for others\n"
      "  gdtrain graph [CONFIG.yaml]                          the recorded graph as DOT\n"
      "  gdtrain data make NAME --n N --out F.h5              generated data (make list tells the names)\n"
      "  gdtrain data import idx IMAGES LABELS --out F.h5     MNIST family, .gz too\n"
      "  gdtrain data import csv|npy FILE... --out F.h5       [--header] [--target last|N|NAME] [--classes]\n"
      "  gdtrain data info FILE\n"
      "\n"
      "The usual settings (gdtrain --help-options lists all; --print-config shows what would run):\n"
      "  --data F --val-data F | --val-fraction 0.2           --model \"...\" --loss "
      "cross_entropy|mse|l1|huber|...\n"
      "  --batch-size N|full   global, over all ranks         --micro-batch auto|N   --epochs N | --steps N\n"
      "  --optimizer sgd|adam|adamw|rmsprop|lars --lr 0.1     --momentum 0.9  --schedule "
      "sgdr|cosine|one_cycle|...\n"
      "  --seed N --precision fp32|bf16|fp64 --threads N      --sync ordered|allreduce  --deadline SECONDS\n"
      "  --out FOLDER --resume auto|CHECKPOINT                --checkpoint-every 500|10min  --eval-every N\n"
      "\n"
      "The global batch is the setting: equal seed, batch_size and micro_batch give the same bits on any\n"
      "number of ranks. Exit codes: 0 done, 2 usage, 3 environment, 4 data, 5 checkpoint, 6 write,\n"
      "7 not finite, 8 replicas, 9 communication, 10 GPU, 75 stopped after saving.\n",
      f);
}

gd_status join(gd_world **w, gd_status before, const gd_options *o) {
  gd_error cause = *gd_error_last();
  gd_world_options world = {.deadline_s = o ? o->deadline : 0};
  if (o && strcmp(o->transport, "shm") == 0) world.transport = GD_TRANSPORT_SHM;
  if (o && strcmp(o->transport, "mpi") == 0) world.transport = GD_TRANSPORT_MPI;
  gd_status st = gd_world_init(w, &world);
  if (st != GD_OK) {
    *w = NULL;
    return before == GD_OK ? st : gd_error_adopt(&cause);
  }
  console_open(gd_world_rank(*w), o ? o->progress : "auto");
  if (before != GD_OK) (void)gd_error_adopt(&cause);
  return gd_world_agree(*w, before);
}

gd_status leave(gd_world *w, gd_status st) {
  /* What all ranks agreed on is told by rank 0; what broke the communication, by whoever saw it. */
  if (st != GD_OK && (!w || gd_world_rank(w) == 0 || st == GD_ERR_COMM)) console_error(st);
  console_close();
  if (w && st == GD_ERR_COMM) gd_world_abort(w, gd_status_exit_code(st));
  gd_world_finish(w);
  return st;
}

static gd_status dispatch(int argc, char **argv) {
  const char *first = argc > 1 ? argv[1] : "";
  for (int i = 0; i < COMMANDS; i++)
    if (strcmp(first, commands[i].name) == 0) return commands[i].run(argc - 2, argv + 2);
  if (*first && strncmp(first, "--", 2) != 0 && !strchr(first, '.') && access(first, F_OK) != 0) {
    const char *names[COMMANDS + 1] = {0};
    for (int i = 0; i < COMMANDS; i++) names[i] = commands[i].name;
    const char *near = gd_nearest(first, names);
    gd_status st = near ? GD_FAIL(GD_ERR_USAGE, "unknown command \"%s\", did you mean \"%s\"?", first, near)
                        : GD_FAIL(GD_ERR_USAGE, "unknown command \"%s\"; gdtrain --help lists them", first);
    return leave(NULL, st);
  }
  return command_train(argc - 1, argv + 1);
}

int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return print_help(stdout), 0;
    if (strcmp(argv[i], "--help-options") == 0) return gd_options_manual(stdout), 0;
    if (strcmp(argv[i], "--version") == 0) return puts("gdtrain " GD_VERSION), 0;
  }
  return gd_status_exit_code(dispatch(argc, argv));
}

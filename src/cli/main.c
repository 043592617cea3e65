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
                {"export", command_export}, {"compare", command_compare}, {"bench", command_bench},
                {"verify", command_verify}};
enum { COMMANDS = sizeof commands / sizeof *commands };

/* Fits 80 columns and 40 lines. */
static void print_help(FILE *f) {
  fputs("gdtrain " GD_VERSION ": data-parallel training of neural networks by message passing\n"
        "\n"
        "mpirun -n 8 gdtrain                             a demonstration\n"
        "mpirun -n 8 gdtrain run.yaml [--key value ...]  train; keys as in the file\n"
        "mpirun -n 8 gdtrain --data train.h5 --val-data test.h5 \\\n"
        "                    --model \"linear:512 relu linear:10\"\n"
        "\n"
        "gdtrain compare [run.yaml]                      batch sizes side by side, scaling\n"
        "gdtrain eval CHECKPOINT --data FILE             metrics on a data set\n"
        "gdtrain predict CHECKPOINT --data FILE --out F  as .h5, .npy or .csv\n"
        "gdtrain inspect FILE [--digest]                 a checkpoint or a data set\n"
        "gdtrain export CHECKPOINT --out F.safetensors   weights for others\n"
        "gdtrain graph [run.yaml]                        the recorded graph as DOT\n"
        "gdtrain verify [run.yaml]                       are the promises kept here?\n"
        "gdtrain bench [run.yaml] [--comm]               where the time of a step goes\n"
        "gdtrain data make NAME --n N --out F.h5         generated (NAME list: which)\n"
        "gdtrain data import idx IMAGES LABELS --out F.h5    MNIST family, .gz too\n"
        "gdtrain data import npy X.npy Y.npy --out F.h5      [--classes]\n"
        "gdtrain data import csv FILE... --out F.h5          [--header] [--classes]\n"
        "                                                    [--target last|N|NAME]\n"
        "gdtrain data info FILE\n"
        "\n"
        "Usual settings; --help-options lists all, --print-config shows what would run:\n"
        "  --data F  --val-data F | --val-fraction 0.2  --standardize\n"
        "  --model \"linear:512 relu dropout:0.2 linear:10\"\n"
        "  --loss cross_entropy|mse|l1|huber|bce_with_logits\n"
        "  --batch-size N|full (over all ranks)  --micro-batch auto|N\n"
        "  --epochs N | --steps N  --eval-every N  --seed N\n"
        "  --optimizer sgd|adam|adamw|rmsprop|lars  --lr 0.1  --momentum 0.9\n"
        "  --schedule sgdr|cosine|one_cycle|step|exponential  --warmup EPOCHS\n"
        "  --precision fp32|bf16|fp64  --sync ordered|allreduce\n"
        "  --threads N  --deadline SECONDS\n"
        "  --out FOLDER  --resume auto|CHECKPOINT  --checkpoint-every 500|10min\n"
        "\n"
        "The global batch is the setting: equal seed, batch_size and micro_batch give\n"
        "the same bits on any number of ranks. Exit codes: 0 done, 2 usage,\n"
        "3 environment, 4 data, 5 checkpoint, 6 write, 7 not finite, 8 replicas,\n"
        "9 communication, 10 GPU, 75 stopped after saving.\n",
        f);
}

gd_status join(gd_world **w, gd_status before, const gd_options *o) {
  gd_error cause = *gd_error_last();
  gd_world_options world = {.deadline_s = o ? o->deadline : 0};
  if (o && strcmp(o->transport, "shm") == 0) world.transport = GD_TRANSPORT_SHM;
  if (o && strcmp(o->transport, "mpi") == 0) world.transport = GD_TRANSPORT_MPI;
  console_listen();
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
  /* An agreed error is printed by rank 0; a communication error by every rank that has it. */
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
    if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
      strcmp(argv[1], "compare") == 0 ? print_compare_help(stdout) : print_help(stdout);
      return 0;
    }
    if (strcmp(argv[i], "--help-options") == 0) return gd_options_manual(stdout), 0;
    if (strcmp(argv[i], "--version") == 0) return puts("gdtrain " GD_VERSION), 0;
  }
  if (argc == 2 && strcmp(argv[1], "help") == 0) return print_help(stdout), 0;
  return gd_status_exit_code(dispatch(argc, argv));
}

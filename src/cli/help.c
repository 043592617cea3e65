/* What --help prints: an overview that fits 80 columns and 24 lines with the prompt, and a page for each
 * command. */
#include <string.h>

#include "cli/cli.h"

static const char overview[] =
    "gdtrain " GD_VERSION ": data-parallel training of neural networks by message passing\n"
    "\n"
    "mpirun -n 8 gdtrain                             a demonstration\n"
    "mpirun -n 8 gdtrain run.yaml [--key value ...]  train; keys as in the file\n"
    "mpirun -n 8 gdtrain --data train.h5 --model \"linear:512 relu linear:10\"\n"
    "\n"
    "gdtrain data make|import|info                   generate, import, look at data\n"
    "gdtrain compare [run.yaml]                      batch sizes, settings, ranks\n"
    "gdtrain eval CHECKPOINT --data FILE             metrics on a data set\n"
    "gdtrain predict CHECKPOINT --data FILE --out F  as .h5, .npy or .csv\n"
    "gdtrain inspect FILE [--digest]                 a checkpoint or a data set\n"
    "gdtrain export CHECKPOINT --out F.safetensors   weights for others\n"
    "gdtrain graph|model [run.yaml]                  the model as DOT, as a table\n"
    "gdtrain verify [run.yaml]                       are the promises kept here?\n"
    "gdtrain bench [run.yaml] [--comm]               where the time of a step goes\n"
    "\n"
    "gdtrain COMMAND --help: its options; those of train are the usual settings\n"
    "gdtrain --help-options, --help-layers: all settings, layers; --print-config\n"
    "\n"
    "Exit codes: 0 done, 1 internal, 2 usage, 3 environment, 4 data, 5 checkpoint,\n"
    "6 write, 7 not finite, 8 replicas, 9 communication, 10 GPU, 75 stopped, saved\n";

static const char train[] =
    "mpirun -n 8 gdtrain [train] [run.yaml] [--key value ...]\n"
    "\n"
    "The usual settings, as options or in the file (options win):\n"
    "  --data F  --val-data F | --val-fraction 0.2  --standardize\n"
    "  --target-type labels|numbers  --standardize-targets\n"
    "  --model \"linear:512 relu dropout:0.2 linear:10\"  --init WEIGHTS.h5\n"
    "  --augment \"crop:4 flip\"  (--help-augment)\n"
    "  --loss cross_entropy|mse|l1|huber|bce_with_logits (--help-losses)\n"
    "  --metrics \"accuracy f1 confusion\"  (--help-metrics)\n"
    "  --batch-size N|full (over all ranks)  --micro-batch auto|N\n"
    "  --epochs N | --steps N  --eval-every N  --seed N\n"
    "  --optimizer sgd|adam|adamw|rmsprop|lars  --lr 0.1  --momentum 0.9\n"
    "  --schedule sgdr|cosine|one_cycle|step|exponential  --warmup EPOCHS\n"
    "  --device auto|cpu|cuda  --precision fp32|bf16|fp64|tf32\n"
    "  --sync ordered|allreduce  --threads N  --deadline SECONDS\n"
    "  --out FOLDER  --resume auto|CHECKPOINT  --checkpoint-every 500|10min\n"
    "\n"
    "The global batch is the setting: equal seed, batch_size and micro_batch give\n"
    "the same bits on any number of ranks. SIGUSR1: finish the step, save, exit 75.\n"
    "gdtrain --help-options lists all settings; --print-config shows what would run.\n";

static const char data[] =
    "gdtrain data make NAME [--n N] [--d D] [--k K] [--noise S] [--seed S] --out F.h5\n"
    "gdtrain data make list                      the names\n"
    "gdtrain data import idx IMAGES LABELS --out F.h5    MNIST family, .gz too\n"
    "gdtrain data import csv FILE|-... --out F.h5    tables; .gz .xz .zst too\n"
    "  --header [false]     the first line holds names (guessed)\n"
    "  --target last|N|NAME|a,b|none    columns to predict; they count from 0\n"
    "  --features LIST, --drop LIST     columns to take, or to leave out\n"
    "  --weight COLUMN      how much each sample counts\n"
    "  --classes            the target is a class, also where it is a number\n"
    "  --categorical one-hot|index[:LIST]    columns of text, or these\n"
    "  --like TRAIN.h5      with the categories of an earlier import\n"
    "  --dates number|drop  dates as days since 1970\n"
    "  --missing NA,?|none  cells without a value; --on-missing drop|0: what then\n"
    "  --delimiter , --decimal . --thousands , --quote \" --comment # --trim\n"
    "  --encoding latin1    utf-8, utf-16 ... (all of these are guessed)\n"
    "gdtrain data import npy X.npy [Y.npy] | XY.npz --out F.h5 [--classes]\n"
    "  --x NAME --y NAME    arrays of an .npz (x and y, x_train and y_train ...)\n"
    "gdtrain data import images DIR|F.tar[.gz|.xz|.zst]|F.zip --out F.h5    JPEG, PNG\n"
    "  --size 32            the square in the middle, resized; a folder per class,\n"
    "                       in train/ and val/; --per-class 1000  --keep-encoded\n"
    "gdtrain data import cifar10|cifar100 FILE... --out F.h5    binary version\n"
    "gdtrain data info FILE [--data.x NAME --data.y NAME]   what an HDF5 file holds\n"
    "gdtrain data show FILE --out SHEET.png [--n 64 --augment \"crop:4 flip\"]\n";

static const char compare[] =
    "mpirun -n 8 gdtrain compare [run.yaml] [--key value ...]\n"
    "\n"
    "Which batch size reaches the target in the fewest updates, epochs and seconds.\n"
    "  --batch-sizes full,4096,512,64,8  largest to smallest; full: all samples\n"
    "  --target-loss 0.3            first measurement below it; of validation data,\n"
    "                               or of training data where there is no other\n"
    "  --target-metric accuracy:0.97    any metric (rmse:2.5); beside a loss: both\n"
    "  --lr-grid 0.01:10:7          rates to try for each: low:high:number\n"
    "  --lr-scale none|linear|sqrt  without a grid: how --lr follows the batch size\n"
    "  --seeds 3                    runs of each; medians and ranges are shown\n"
    "  --max-epochs 50 --max-updates 2000    a run ends when both are spent\n"
    "  --eval-resolution 0.03       measured again after 3 % more updates\n"
    "  --report FILE.html           one page: figure, table, settings, command\n"
    "Which settings win, by how much, and whether that is more than seeds differ.\n"
    "  --vary lr=0.1,0.2 --vary seed=1..5        all combinations, to their ends\n"
    "  --vary \"{schedule: {name: sgdr, t0: 1}},{schedule: cosine, lr: 0.2}\"\n"
    "Of both the folder (--out) remembers: the same command goes on where it was\n"
    "stopped, on any number of ranks, and runs only what is new.\n"
    "  --ranks-per-run auto|N       auto: runs side by side, one rank each\n"
    "Where adding ranks stops paying: strong and weak scaling of one run.\n"
    "  --ranks 1,2,4,8\n"
    "\n"
    "All other settings are those of a run: gdtrain --help-options.\n";

static const char use[] = "[mpirun -n 8] gdtrain eval CHECKPOINT --data FILE [--metrics NAMES] [--out DIR]\n"
                          "[mpirun -n 8] gdtrain predict CHECKPOINT --data FILE --out F.csv|F.npy|F.h5\n"
                          "gdtrain inspect CHECKPOINT|FILE [--digest]\n"
                          "gdtrain export CHECKPOINT --out F.safetensors\n"
                          "\n"
                          "A run folder means its best checkpoint, or the newest without validation.\n"
                          "eval: all metrics that fit; --out gets confusion.csv and its picture.\n"
                          "predict: classes and their probabilities, or what the model puts out.\n"
                          "  --device auto|cpu|cuda --threads N    of eval and predict\n"
                          "  --ensemble    the snapshots of a run: the mean of their probabilities\n"
                          "  --weights trained|ema|swa    default: the average, where the run kept one\n"
                          "  --update-bn    running statistics anew over the training data (of averages)\n"
                          "  --digest    SHA-256 of all parameters: equal when all bits are\n";

static const char tools[] = "mpirun -n 8 gdtrain verify [run.yaml]    the promises, on this cluster\n"
                            "mpirun -n 8 gdtrain bench [run.yaml]     where the time of a step goes\n"
                            "  --comm             what messages cost, how much backward hides\n"
                            "  --max-mb 256       largest message of --comm\n"
                            "gdtrain graph [run.yaml] | dot -Tsvg > graph.svg\n"
                            "gdtrain model [run.yaml] [--ranks N]     layers, shapes, parameters, memory\n"
                            "  --sample 1x28x28   the shape of a sample, where there are no data yet\n"
                            "\n"
                            "All other settings are those of a run: gdtrain --help-options.\n";

void gdi_print_help(FILE *f, const char *command) {
  static const struct {
    const char *command, *text;
  } page[] = {{"train", train}, {"data", data},   {"compare", compare}, {"eval", use},
              {"predict", use}, {"inspect", use}, {"export", use},      {"verify", tools},
              {"bench", tools}, {"graph", tools}, {"model", tools}};
  const char *text = overview;
  for (size_t i = 0; i < sizeof page / sizeof *page; i++)
    if (strcmp(command, page[i].command) == 0) text = page[i].text;
  fputs(text, f);
}

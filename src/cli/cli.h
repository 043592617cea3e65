/* The program: commands, arguments, what people see. */
#ifndef GDI_CLI_H
#define GDI_CLI_H

#include "gd/gd.h"

/* ---- arguments ---- */

/* Words before and after the options, and the options as settings. */
typedef struct args {
  const char **word;
  int n_words;
  gd_settings setting;
} args;

/*
 * "--key value", "--key=value", "-h". `switches` (blank-separated) take no value unless "true" or "false"
 * follows. Errors: GD_ERR_USAGE for a key without value.
 */
gd_status gdi_args_parse(args *a, int argc, char **argv, const char *switches) GD_CHECKED;
void gdi_args_free(args *a);
/* Value of an option of a command, NULL when it is not there. */
const char *gdi_args_get(const args *a, const char *key);
/* The same, and it is no longer there: it is not a setting of the run. */
const char *gdi_args_take(args *a, const char *key);
/* All of an option that may be given several times, in order; they are no longer there. Owner: a */
gd_status gdi_args_take_all(args *a, const char *key, const char *const **values, int *n) GD_CHECKED;
/* Every option must be one of `known` (blank-separated). */
gd_status gdi_args_check(const args *a, const char *known) GD_CHECKED;
/* Take a number between lo and hi; *out stays as it is when the option is not there. */
gd_status gdi_args_i64(args *a, const char *key, int64_t lo, int64_t hi, int64_t *out) GD_CHECKED;
gd_status gdi_args_f64(args *a, const char *key, double lo, double hi, double *out) GD_CHECKED;
/* Take a switch: true unless "false" follows; *out stays as it is when the option is not there. */
gd_status gdi_args_flag(args *a, const char *key, bool *out) GD_CHECKED;
/* What is written may not be what is read. */
gd_status gdi_args_keep_input(const char *out, const char *input) GD_CHECKED;
/* Does `s` have a setting that is one of `keys` (blank-separated)? */
bool gdi_settings_name(const gd_settings *s, const char *keys);

/* ---- commands: each returns the status of the program ---- */

gd_status gdi_command_train(int argc, char **argv);
gd_status gdi_command_eval(int argc, char **argv);
gd_status gdi_command_predict(int argc, char **argv);
gd_status gdi_command_data(int argc, char **argv);
gd_status gdi_data_info(const char *path,
                        const gd_data_options *o) GD_CHECKED; /* print what a data file holds */
/* Write the table, which is freed, and print what the file holds. */
gd_status gdi_data_write(gd_table *t, const char *out) GD_CHECKED;
gd_status gdi_data_import(args *a, const char *out) GD_CHECKED;
gd_status gdi_data_show(args *a, const char *out) GD_CHECKED;
/* The columns that a data file remembers from its import, as a table of 79 characters; nothing where it has none. */
gd_status gdi_print_columns(const char *path) GD_CHECKED;
/* What an import tells, to stderr; NULL: nothing. */
void gdi_print_import_notes(const char *notes);
/* A line of names, the first twelve; "\033" and the like, which a file may hold, are not passed to the terminal. */
void gdi_print_names(const char *what, int64_t n, char (*name)[GD_MAX_COLUMN_NAME]);
void gdi_print_plain(const char *text);
gd_status gdi_command_inspect(int argc, char **argv);
gd_status gdi_command_graph(int argc, char **argv);
gd_status gdi_command_model(int argc, char **argv);
gd_status gdi_command_compare(int argc, char **argv);
gd_status gdi_command_export(int argc, char **argv);
gd_status gdi_command_bench(int argc, char **argv);
gd_status gdi_command_verify(int argc, char **argv);
/* The page of a command; the overview when there is no such command. */
void gdi_print_help(FILE *f, const char *command);

/* ---- how a command begins and ends ---- */

/* Join, and agree on the status of what came before. NULL options: the defaults. */
gd_status gdi_join(gd_world **w, gd_status before, const gd_options *o) GD_CHECKED;
/* Tell the user what went wrong, once, and leave. Returns st. */
gd_status gdi_leave(gd_world *w, gd_status st);
/* A command of a single process. */
gd_status gdi_alone(int argc, char **argv, const char *switches, gd_status (*command)(args *a));

/*
 * A command on the options of a run: gdi_run_parse(), then it takes its own options from `a`, then gdi_run_options()
 * and gdi_run_join(), which pass on the status of what came before, its work, and gdi_run_end() in any case.
 */
typedef struct run_setup {
  args a;
  gd_options o;
  bool demonstration; /* no data was given */
  gd_world *w;        /* NULL before gdi_run_join() */
} run_setup;

/* The options of a run that take no value. */
extern const char gdi_run_switches[];
gd_status gdi_run_parse(run_setup *r, int argc, char **argv, const char *switches) GD_CHECKED;
/* Defaults, the demonstration's settings when no data is given, the YAML file, the command line. */
gd_status gdi_run_options(run_setup *r, gd_status before) GD_CHECKED;
/* Join the world, and make the data of the demonstration where that runs. Collective */
gd_status gdi_run_join(run_setup *r, gd_status before) GD_CHECKED;
gd_status gdi_run_end(run_setup *r, gd_status st) GD_CHECKED;

/* Requests to stop are honoured at the end of the step: before MPI starts, for a warning may come while it does. */
void gdi_catch_signals(void);

/* ---- console ---- */

/* Messages of the library go to stderr of rank `rank` (warnings of any) and to the log of the run. */
void gdi_console_listen(void); /* to messages, from before the ranks know each other */
void gdi_console_open(int rank, const char *progress);
void gdi_console_clear(void); /* of the progress bar: before results */
void gdi_console_close(void);
gd_observer gdi_console_observer(void);
void gdi_console_error(gd_status st);
/* Write `text` as NAME.gp in the folder and let gnuplot draw it there; false, and said, when it does not. */
bool gdi_gnuplot(const char *folder, const char *name, const char *text);
/* Draw loss.svg and loss.png in the run folder; says so when gnuplot is missing. */
void gdi_plot_run(const char *folder);
/* Draw confusion.svg and confusion.png of the confusion.csv in the folder, if it is there. */
void gdi_plot_confusion(const char *folder);
/* "accuracy 97.10 %" into buf. Returns how long it is, cut to what there is room for. */
int gdi_measure_text(const gd_measure *m, char *buf, size_t bytes);

/* ---- the demonstration ---- */

/* Settings of the demonstration, as YAML; those of its optimizer hold unless another one is named. */
extern const char gdi_demo_settings[], gdi_demo_optimizer[];
/* Tell the user that it runs, and let rank 0 make its data unless it is there. Collective. */
gd_status gdi_demo_ready(gd_world *w) GD_CHECKED;

#endif

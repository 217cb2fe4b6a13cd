/* Looks after files that nothing names: what a crash left between a file and its row, uploads
 * that no message took. */
#pragma once

#include "core/core.h"

struct file_sweep;
/* On one core of the process: begins some minutes after the start and again every few hours;
 * slowly, a folder at a time. */
struct file_sweep *file_sweep_new(struct core *core);
/* Not while one of its fibers runs: after the cores have stopped. */
void file_sweep_free(struct file_sweep *sweep);

/* Errors: 0 done; negative errno, unexpected, passed up unchanged; positive, an outcome that the caller
 * handles (often Discord's own code, see the generated model/errors.h). */
#pragma once

/* Notes at debug level where a negative error passed through, returns it unchanged. */
#define err_trace(r) err_trace_at((r), __FILE__, __LINE__)
int err_trace_at(int r, const char *file, int line);

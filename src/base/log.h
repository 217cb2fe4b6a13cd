/* One line to stderr: UTC time, level, fixed text, key=value pairs. Any thread. No content, no tokens. */
#pragma once

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* What is above @level is not written; LOG_INFO at start. Call before the threads start, or live with a race. */
void log_set_level(enum log_level level);
void log_at(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A person must act / carrying on, and how / life-cycle / for developers. */
#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_at(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)

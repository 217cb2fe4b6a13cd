/* A power cut for tests: forgets what was written to files and not synced.
 *
 * Two ways to use it: linked into a test program, whose own definitions of write() and so on then come before the
 * C library's, for shared libraries too; or built alone (cc -shared -fPIC) and named in LD_PRELOAD, with
 * FSYNCLOSS_DIR set, where SIGUSR1 is the cut. */
#pragma once

/* Files below @dir (an absolute path) that are opened from now on are watched. */
void fsyncloss_watch(const char *dir);
/* The cut: every watched file goes back to what was synced last, and the process dies by SIGKILL. */
_Noreturn void fsyncloss_cut(void);
/* SIGUSR1 does that. */
void fsyncloss_cut_on_signal(void);
/* The next @count writes and syncs of watched files whose names end in @suffix fail with @err. */
void fsyncloss_fail(const char *suffix, int err, int count);

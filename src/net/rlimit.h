/* The number of descriptors that the process may have. */
#pragma once

#include <stdint.h>

/* Raises the soft limit of RLIMIT_NOFILE to the hard one; returns what holds now. At start. */
uint64_t rlimit_raise_files(void);

/* What this program calls itself. */
#pragma once

#define ROOKERY_VERSION "0.1.0"

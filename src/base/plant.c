#include "base/plant.h"

uint32_t plants;

#include "name.h"

const char program_name[] = "alldata";

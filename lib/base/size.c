#include "base/size.h"

#include <stdio.h>

const char *
size_print(uint64_t bytes, char out[SIZE_TEXT])
{
	static const char *const units[] = {"", "K", "M", "G"};
	unsigned u = 0, shift;

	while (u < 3 && bytes >> (10 * (u + 1)) > 0)
		u++;
	shift = 10 * u;
	if ((bytes & ((1ull << shift) - 1)) == 0)
		(void)snprintf(out, SIZE_TEXT, "%llu%s",
		    (unsigned long long)(bytes >> shift), units[u]);
	else
		(void)snprintf(out, SIZE_TEXT, "%.1f%s",
		    (double)bytes / (double)(1ull << shift), units[u]);
	return out;
}

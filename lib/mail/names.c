#include "mail/names.h"

unsigned
mail_names_find(const struct mail_names *t, size_t n, struct sv name)
{
	size_t i, j;

	for (i = 0; i < n; i++)
		for (j = 0; t[i].name[j] != NULL; j++)
			if (sv_ieq(name, sv_str(t[i].name[j])))
				return t[i].what;
	return 0;
}

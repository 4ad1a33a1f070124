#ifndef UNIT_JUNK_FIXTURE_H
#define UNIT_JUNK_FIXTURE_H

#include <stdbool.h>

#include "junk/feature.h"

/* Of a message, as the server mail.home.test sees it. */
void take(const char *message, struct junk_features *out);
bool has(const struct junk_features *f, enum junk_kind kind, const char *text);
/* Message n of a kind: n differs, the rest is alike. */
void make_junk(unsigned n, struct junk_features *out);
void make_wanted(unsigned n, struct junk_features *out);

#endif

/*
 * The text of metrics as monitoring reads it (OpenMetrics 1.0): families of
 * samples, and "# EOF" behind them.  Pure.
 */
#ifndef BASE_OPENMETRICS_H
#define BASE_OPENMETRICS_H

#include <stdint.h>

#include "base/buf.h"

#define OPENMETRICS_TYPE \
	"application/openmetrics-text; version=1.0.0; charset=utf-8"

enum openmetrics_type {
	OPENMETRICS_GAUGE,
	OPENMETRICS_COUNTER, /* its samples end in _total */
	OPENMETRICS_HISTOGRAM,
	OPENMETRICS_INFO /* its sample ends in _info */
};

/* unit: NULL, or "seconds", "bytes", with which the name then ends. */
void openmetrics_family(struct buf *out, const char *name,
    enum openmetrics_type type, const char *unit, const char *help);

struct openmetrics_label {
	const char *name;
	struct sv value; /* any bytes; escaped */
};

/* A sample of that family: name with the suffix of its type ("_total",
 * "_bucket"; "" for gauges).  Up to two labels; those with a NULL name are left
 * out. */
void openmetrics_sample(struct buf *out, const char *name, const char *suffix,
    const struct openmetrics_label label[2], double value);
void openmetrics_end(struct buf *out);

#endif

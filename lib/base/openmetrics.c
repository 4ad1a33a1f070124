#include "base/openmetrics.h"

#include "base/rc.h"
#include "base/utf8.h"

void
openmetrics_family(struct buf *out, const char *name,
    enum openmetrics_type type, const char *unit, const char *help)
{
	static const char *const types[] = {[OPENMETRICS_GAUGE] = "gauge",
	    [OPENMETRICS_COUNTER] = "counter",
	    [OPENMETRICS_HISTOGRAM] = "histogram",
	    [OPENMETRICS_INFO] = "info"};

	buf_addf(out, "# TYPE %s %s\n", name, types[type]);
	if (unit != NULL)
		buf_addf(out, "# UNIT %s %s\n", name, unit);
	buf_addf(out, "# HELP %s %s\n", name, help);
}

/* Backslash, quote and line end are escaped; what is not UTF-8 is replaced. */
static void
put_value(struct sv value, struct buf *out)
{
	while (value.n > 0) {
		struct sv rest = value;
		uint32_t cp;

		if (utf8_next(&rest, &cp) != RC_OK)
			buf_addc(out, '?');
		else if (cp == '\n')
			buf_adds(out, "\\n");
		else if (cp == '\\' || cp == '"')
			buf_addf(out, "\\%c", (int)cp);
		else if (cp < ' ' || cp == 0x7f)
			buf_addc(out, '?');
		else
			buf_add(out, value.p, value.n - rest.n);
		value = rest;
	}
}

/* Whole numbers as such: none of ours is above 2^53. */
static void
put_number(double n, struct buf *out)
{
	if (n > -9e15 && n < 9e15 && (double)(int64_t)n == n)
		buf_addf(out, "%lld", (long long)n);
	else
		buf_addf(out, "%.3f", n);
}

void
openmetrics_sample(struct buf *out, const char *name, const char *suffix,
    const struct openmetrics_label label[2], double value)
{
	const char *before = "{";
	int i;

	buf_addf(out, "%s%s", name, suffix);
	for (i = 0; label != NULL && i < 2; i++) {
		if (label[i].name == NULL)
			continue;
		buf_addf(out, "%s%s=\"", before, label[i].name);
		put_value(label[i].value, out);
		buf_addc(out, '"');
		before = ",";
	}
	buf_addf(out, "%s ", before[0] == ',' ? "}" : "");
	put_number(value, out);
	buf_addc(out, '\n');
}

void
openmetrics_end(struct buf *out)
{
	buf_adds(out, "# EOF\n");
}

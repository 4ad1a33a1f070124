#include "imap/transfer/report.h"

#include <stdarg.h>

#include "base/clk.h"
#include "base/plural.h"

#define TELL_MS	  250
#define SKIPS_MAX (64u << 10)

void
report_init(struct report *r, struct broker *broker, const char *verb)
{
	*r = (struct report){.broker = broker, .verb = verb};
	buf_init(&r->folder.name, 4096);
	buf_init(&r->skips, SKIPS_MAX);
	report_begin(r);
}

void
report_fini(struct report *r)
{
	buf_fini(&r->folder.name);
	buf_fini(&r->skips);
}

static void
say(struct report *r, enum broker_say kind, struct sv text)
{
	if (!r->quiet)
		broker_say(r->broker, kind, text);
}

void
report_begin(struct report *r)
{
	r->total = r->done = 0;
	r->began = clk_mono();
	/* What is left out is found again. */
	r->known = r->skipped = r->unlisted = 0;
	buf_reset(&r->skips);
}

void
report_expect(struct report *r, uint64_t units)
{
	r->total += units;
}

static void
add_span(struct buf *out, uint64_t secs)
{
	if (secs >= 3600)
		buf_addf(out, "%llu:%02u:%02u h",
		    (unsigned long long)(secs / 3600),
		    (unsigned)(secs / 60 % 60), (unsigned)(secs % 60));
	else
		buf_addf(out, "%u:%02u min", (unsigned)(secs / 60),
		    (unsigned)(secs % 60));
}

static void
add_bytes(struct buf *out, uint64_t n)
{
	if (n < 10000)
		buf_addf(out, "%llu byte%s", (unsigned long long)n, plural(n));
	else if (n < 10000000)
		buf_addf(out, "%llu KB", (unsigned long long)n / 1000);
	else
		buf_addf(out, "%llu MB", (unsigned long long)n / 1000000);
}

void
report_advance(struct report *r, uint64_t units)
{
	int64_t now = clk_mono();
	uint64_t ms = (uint64_t)(now - r->began) + 1;
	struct buf b;

	r->done += units;
	if (now - r->told < TELL_MS)
		return;
	r->told = now;
	buf_init(&b, 4096);
	buf_addf(&b, "%llu %s", (unsigned long long)r->came, r->verb);
	if (r->total > 0)
		buf_addf(&b, ", %llu %%",
		    (unsigned long long)(r->done >= r->total
					     ? 100
					     : r->done * 100 / r->total));
	buf_addf(
	    &b, ", %llu a second", (unsigned long long)(r->came * 1000 / ms));
	if (r->total > r->done && r->done > 0 && ms > 2000) {
		buf_adds(&b, ", ");
		add_span(&b,
		    (uint64_t)((double)ms / 1000 *
			       (double)(r->total - r->done) / (double)r->done));
		buf_adds(&b, " left");
	}
	buf_adds(&b, ": ");
	buf_addsv(&b, buf_sv(&r->folder.name));
	say(r, BROKER_PROGRESS, buf_sv(&b));
	buf_fini(&b);
}

void
report_folder(struct report *r, struct sv name)
{
	buf_set(&r->folder.name, name);
	r->folder.came = r->folder.known = r->folder.skipped = 0;
}

void
report_folder_end(struct report *r)
{
	struct buf b;

	buf_init(&b, 8192);
	buf_addsv(&b, buf_sv(&r->folder.name));
	buf_addf(&b, ": %llu %s", (unsigned long long)r->folder.came, r->verb);
	if (r->folder.known > 0)
		buf_addf(&b, ", %llu there already",
		    (unsigned long long)r->folder.known);
	if (r->folder.skipped > 0)
		buf_addf(&b, ", %llu left out",
		    (unsigned long long)r->folder.skipped);
	say(r, BROKER_STEP, buf_sv(&b));
	buf_fini(&b);
}

void
report_came(struct report *r, uint64_t bytes)
{
	r->came++;
	r->folder.came++;
	r->bytes += bytes;
}

void
report_known(struct report *r)
{
	r->known++;
	r->folder.known++;
}

void
report_skip(struct report *r, struct sv what, const char *why)
{
	struct buf b;

	r->skipped++;
	r->folder.skipped++;
	buf_init(&b, 8192);
	buf_adds(&b, "left out: ");
	buf_addsv(&b, sv_first(what, 3000));
	buf_addf(&b, ": %s", why);
	say(r, BROKER_NOTE, buf_sv(&b));
	if (b.n + 3 <= r->skips.max - r->skips.n) {
		buf_addsv(&r->skips, buf_sv(&b));
		buf_addc(&r->skips, '\n');
	} else {
		r->unlisted++;
	}
	buf_fini(&b);
}

void
report_note(struct report *r, const char *fmt, ...)
{
	struct buf b;
	va_list ap;

	buf_init(&b, 8192);
	va_start(ap, fmt);
	buf_addv(&b, fmt, ap);
	va_end(ap);
	say(r, BROKER_NOTE, buf_sv(&b));
	buf_fini(&b);
}

void
report_end(struct report *r, bool complete)
{
	struct sv rest = buf_sv(&r->skips);
	struct buf b;

	buf_init(&b, 8192);
	buf_addf(&b, "%llu message%s ", (unsigned long long)r->came,
	    plural(r->came));
	buf_adds(&b, r->verb);
	buf_adds(&b, ", ");
	add_bytes(&b, r->bytes);
	if (r->known > 0)
		buf_addf(&b, "; %llu there already from an earlier run",
		    (unsigned long long)r->known);
	buf_addf(&b, "; %llu left out%s", (unsigned long long)r->skipped,
	    complete ? "" : "; not finished");
	say(r, BROKER_RESULT, buf_sv(&b));
	while (rest.n > 0) {
		struct sv line = sv_split(&rest, '\n');

		say(r, BROKER_RESULT, line);
	}
	if (r->unlisted > 0) {
		buf_reset(&b);
		buf_addf(&b, "... and %llu more, named above",
		    (unsigned long long)r->unlisted);
		say(r, BROKER_RESULT, buf_sv(&b));
	}
	buf_fini(&b);
}

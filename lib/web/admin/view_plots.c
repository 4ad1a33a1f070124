/* The last 14 days: mail by day, queue and disk by hour. */
#include <string.h>

#include "ipc/msg_history.h"
#include "ipc/proto.h"
#include "web/admin/admin_priv.h"
#include "web/admin/plot.h"

#define DAYS  HISTORY_DAYS
#define HOURS (DAYS * 24)

struct figures {
	int64_t in[DAYS], out[DAYS], refused[DAYS];
	int64_t waiting[HOURS], disk[HOURS];
	size_t hours; /* up to now */
};

static int64_t
clamped(uint64_t n)
{
	return n < INT64_MAX / 2 ? (int64_t)n : INT64_MAX / 2;
}

static void
take_row(struct figures *f, const struct history_row *r, size_t day)
{
	const uint32_t waiting = HISTORY_SAMPLE_AT(HISTORY_S_WAITING, 0);
	const uint32_t disk = HISTORY_SAMPLE_AT(HISTORY_S_DISK, 0);

	if (r->what == HISTORY_C_RECEIVED)
		f->in[day] += clamped(r->n);
	else if (r->what == HISTORY_C_SENT)
		f->out[day] += clamped(r->n);
	else if (r->what >= HISTORY_C_UNKNOWN && r->what < HISTORY_COUNTS)
		f->refused[day] += clamped(r->n);
	else if (r->what >= waiting && r->what < waiting + 24)
		f->waiting[day * 24 + r->what - waiting] = clamped(r->n);
	else if (r->what >= disk && r->what < disk + 24)
		f->disk[day * 24 + r->what - disk] = clamped(r->n);
}

static int
read_figures(struct visit *v, struct figures *f)
{
	struct history_days days;
	struct msg m, reply;
	uint32_t i;
	int r;

	memset(f, 0, sizeof *f);
	memset(f->waiting, 0xff, sizeof f->waiting); /* -1 */
	memset(f->disk, 0xff, sizeof f->disk);
	msg_init(&m, CMD_DAYS);
	r = peer_call_later(v->o->history, &m, ADMIN_WAIT_MS, &reply);
	if (r != RC_OK)
		return r;
	r = history_days_get(&reply, &days);
	if (r == RC_OK) {
		for (i = 0; i < days.n; i++) {
			int64_t ago = days.today - days.row[i].day;

			if (ago >= 0 && ago < DAYS)
				take_row(
				    f, &days.row[i], (size_t)(DAYS - 1 - ago));
		}
		f->hours =
		    (DAYS - 1) * 24 + (days.hour < 24 ? days.hour : 23) + 1;
		history_days_fini(&days);
	}
	msg_fini(&reply);
	return r;
}

static void
put_plot(struct visit *v, enum page_word label, const int64_t *at, size_t n,
    bool line)
{
	const struct plot p = {.label = sv_str(page_word(v->p.language, label)),
	    .at = at,
	    .n = n,
	    .line = line};
	uint64_t most = (uint64_t)plot_most(&p);
	uint64_t now = at[n - 1] > 0 ? (uint64_t)at[n - 1] : 0;
	bool bytes = label == W_ADMIN_PLOT_DISK;

	xml_open(&v->p.x, "figure", NULL);
	page_say(&v->p, "figcaption", label);
	plot_write(&v->p.x, &p);
	page_say(&v->p, "p", W_ADMIN_PLOT_MOST,
	    bytes ? page_size(most) : page_count(most),
	    bytes ? page_size(now) : page_count(now));
	xml_close(&v->p.x);
}

void
admin_put_plots(struct visit *v)
{
	struct figures f;
	int r = read_figures(v, &f);

	page_section(&v->p, W_ADMIN_PLOTS);
	if (r == RC_OK) {
		put_plot(v, W_ADMIN_PLOT_IN, f.in, DAYS, false);
		put_plot(v, W_ADMIN_PLOT_OUT, f.out, DAYS, false);
		put_plot(v, W_ADMIN_PLOT_REFUSED, f.refused, DAYS, false);
		put_plot(v, W_ADMIN_PLOT_QUEUE, f.waiting, f.hours, true);
		put_plot(v, W_ADMIN_PLOT_DISK, f.disk, f.hours, true);
	} else {
		admin_silent(v, r);
	}
	page_section_end(&v->p);
}

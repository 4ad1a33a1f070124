#include "cmd/run/day.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/log.h"

static void
add_event(void *arg, enum log_level level, int64_t when, const char *text)
{
	struct day *d = arg;
	uint32_t n = d->said.nevent;

	if (n == STATUS_EVENTS_MAX)
		return;
	d->text[n] = xstrdup(text);
	d->event[n] =
	    (struct status_event){(uint8_t)level, when, sv_str(d->text[n])};
	d->said.nevent++;
}

void
day_init(struct day *d)
{
	int t;

	for (t = 0; t < TALLIES; t++)
		d->tally[t] = tally_day((enum tally)t);
	d->said = (struct status_day){
	    .tally = d->tally, .ntally = TALLIES, .event = d->event};
	log_recent(add_event, d);
}

void
day_fini(struct day *d)
{
	while (d->said.nevent > 0)
		free(d->text[--d->said.nevent]);
}

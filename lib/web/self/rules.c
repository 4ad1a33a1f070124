/* What the pages of rules have in common. */
#include <time.h>

#include "base/clk.h"
#include "web/self/self_priv.h"

#define NAME_MAX_BYTES 512
#define SHOWN_MAX      120

void
self_put_script(struct self *s)
{
	struct buf name;

	buf_init(&name, NAME_MAX_BYTES + 1);
	s->v->calls->script(s->v->arg, &name);
	if (name.n > 0)
		page_notice(&s->page, PAGE_WARN, W_OWN_SCRIPT,
		    page_text(self_clip(buf_sv(&name), SHOWN_MAX)));
	buf_fini(&name);
}

int
self_change(struct self *s, enum pagerules_part part, self_change_fn *fn,
    void *arg, const char *path, const char *done)
{
	int r = s->v->calls->change(s->v->arg, part, fn, arg);

	switch (r) {
	case RC_OK:
		self_go(s, path, "done", sv_str(done));
		break;
	case RC_NOTFOUND:
		self_go(s, path, "done", SV("not-there"));
		break;
	case RC_TOOBIG:
	case RC_EXISTS:
	case RC_DENIED:
	case RC_SYNTAX:
		break;
	default:
		self_sorry(s, 503, W_TRY_LATER);
		break;
	}
	return r;
}

int64_t
self_day_ms(int64_t day)
{
	struct clk_tm c;
	struct tm t = {.tm_isdst = -1, .tm_hour = 12};

	clk_civil(day * 24 * 3600, &c);
	t.tm_year = c.year - 1900;
	t.tm_mon = c.month - 1;
	t.tm_mday = c.day;
	return (int64_t)mktime(&t) * 1000;
}

#include "web/self/self_priv.h"

#include "ipc/proto.h"

#define LOGINS 5

static void
put_usage(struct self *s)
{
	struct self_usage u = {0, 0, 0};
	uint64_t full;

	s->v->calls->usage(s->v->arg, &u);
	page_section(&s->page, W_SPACE);
	if (u.quota == 0) {
		page_say(&s->page, "p", W_SPACE_FREE, page_size(u.bytes),
		    page_count(u.messages));
	} else {
		full =
		    u.bytes >= u.quota ? 1000 : u.bytes / (u.quota / 1000 + 1);
		page_say(&s->page, "p", W_SPACE_USED, page_size(u.bytes),
		    page_size(u.quota), page_count(u.messages));
		page_meter(&s->page, W_SPACE, (unsigned)full);
		if (full >= 900)
			page_notice(&s->page, PAGE_WARN, W_SPACE_SHORT);
	}
	page_section_end(&s->page);
}

static void
put_devices(struct self *s)
{
	struct person_devices d;
	struct msg m;

	page_section(&s->page, W_DEVICES);
	if (self_ask(s, PERSON_DEVICES, &person_devices_codec, &m, &d)) {
		page_say(&s->page, "p", W_DEVICES_COUNT, page_count(d.n));
		person_devices_fini(&d);
		msg_fini(&m);
	}
	page_go(&s->page, "/devices", SV(""), W_DEVICE_ADD);
	page_section_end(&s->page);
}

static void
put_safety(struct self *s)
{
	struct person_state state;
	struct msg m;

	page_section(&s->page, W_FACTOR);
	if (self_ask(s, PERSON_STATE, &person_state_codec, &m, &state)) {
		if (!state.totp)
			page_say(&s->page, "p", W_FACTOR_IS_OFF);
		else
			page_say(&s->page, "p", W_FACTOR_IS_ON,
			    page_count(state.recovery));
		page_go(&s->page, "/second-factor", SV(""),
		    state.totp ? W_CHANGE : W_FACTOR_BEGIN);
		person_state_fini(&state);
		msg_fini(&m);
	}
	page_section_end(&s->page);
}

static void
put_logins(struct self *s)
{
	struct person_logins l;
	struct msg m;

	page_section(&s->page, W_LOGINS_LAST);
	if (self_ask(s, PERSON_LOGINS, &person_logins_codec, &m, &l)) {
		self_put_logins(s, &l, 0, LOGINS);
		page_go(&s->page, "/sessions", SV(""), W_LOGINS_ALL);
		person_logins_fini(&l);
		msg_fini(&m);
	}
	page_section_end(&s->page);
}

/* What one should not forget, or not have overlooked. */
static void
put_rules(struct self *s)
{
	struct pagerules r;

	s->v->calls->rules(s->v->arg, &r);
	if (r.vacation.on && pagerules_away(&r.vacation,
				 s->v->calls->day(s->v->arg, r.vacation.zone)))
		page_notice(&s->page, PAGE_WARN, W_VACATION_NOW);
	if (r.forward.on && r.forward.confirmed)
		page_notice(&s->page, PAGE_WARN, W_FORWARD_IS_ON,
		    page_text(sv_str(r.forward.to)));
	pagerules_fini(&r);
}

void
self_home(struct self *s)
{
	self_begin(s, W_HOME, "/home");
	put_rules(s);
	put_usage(s);
	put_devices(s);
	put_safety(s);
	put_logins(s);
	self_end(s);
}

/* Answers while somebody is away. */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "pagerules/zone.h"
#include "web/self/self_priv.h"

#define ZONES_BYTES (64u << 10)
#define ZONES_MAX   1000

/* What was typed, and what is wrong with it. */
struct entered {
	struct buf from, until, days, subject, text, zone;
	bool on, contacts;
	enum page_word from_wrong, until_wrong, days_wrong, subject_wrong,
	    text_wrong, zone_wrong;
};

static void
entered_init(struct entered *e)
{
	*e = (struct entered){.on = false};
	buf_init(&e->from, 32);
	buf_init(&e->until, 32);
	buf_init(&e->days, 32);
	buf_init(&e->subject, PAGE_FORM_MAX);
	buf_init(&e->text, PAGE_FORM_MAX);
	buf_init(&e->zone, ZONE_NAME_MAX);
}

static void
entered_fini(struct entered *e)
{
	buf_fini(&e->zone);
	buf_fini(&e->text);
	buf_fini(&e->subject);
	buf_fini(&e->days);
	buf_fini(&e->until);
	buf_fini(&e->from);
}

/* As it is kept. */
static void
enter(const struct pagerules_vacation *v, struct entered *e)
{
	e->on = v->on;
	e->contacts = v->contacts;
	if (v->from != PAGERULES_NO_DAY)
		zone_day_print(v->from, &e->from);
	if (v->until != PAGERULES_NO_DAY)
		zone_day_print(v->until, &e->until);
	buf_addu(&e->days, v->days);
	buf_adds(&e->subject, v->subject);
	buf_adds(&e->text, v->text);
	buf_adds(&e->zone, v->zone);
}

/* ---- the page ---- */

static void
put_zones(struct self *s, struct sv chosen)
{
	struct page_choice *c = xcalloc(ZONES_MAX, sizeof *c);
	struct sv rest, server = sv_str(s->v->calls->zone(s->v->arg));
	struct buf lines;
	bool found = false;
	size_t n = 0;

	buf_init(&lines, ZONES_BYTES);
	s->v->calls->zones(s->v->arg, &lines);
	if (chosen.n == 0)
		chosen = server;
	for (rest = buf_sv(&lines); rest.n > 0 && n < ZONES_MAX;) {
		struct sv name = sv_split(&rest, '\n');

		c[n++] = (struct page_choice){name, name};
		found |= sv_eq(name, chosen);
	}
	page_choose(&s->page, "zone", W_VACATION_ZONE, c, n,
	    found ? chosen : SV("UTC"));
	buf_fini(&lines);
	free(c);
}

static void
put_state(struct self *s, const struct pagerules_vacation *v)
{
	int64_t today = s->v->calls->day(s->v->arg, v->zone);

	if (!v->on)
		page_notice(&s->page, PAGE_NEWS, W_VACATION_IS_OFF);
	else if (pagerules_away(v, today))
		page_notice(&s->page, PAGE_GOOD, W_VACATION_NOW);
	else if (v->from != PAGERULES_NO_DAY && today < v->from)
		page_notice(&s->page, PAGE_NEWS, W_VACATION_LATER,
		    page_day(self_day_ms(v->from)));
	else
		page_notice(&s->page, PAGE_WARN, W_VACATION_PAST,
		    page_day(self_day_ms(v->until)));
}

static void
put_when(struct self *s, const struct entered *e)
{
	page_field(&s->page, &(struct page_field){.name = "from",
				 .type = "date",
				 .label = W_VACATION_FROM,
				 .hint = W_VACATION_FROM_HINT,
				 .error = e->from_wrong,
				 .value = buf_sv(&e->from),
				 .optional = true});
	page_field(&s->page, &(struct page_field){.name = "until",
				 .type = "date",
				 .label = W_VACATION_UNTIL,
				 .hint = W_VACATION_UNTIL_HINT,
				 .error = e->until_wrong,
				 .value = buf_sv(&e->until),
				 .optional = true});
	put_zones(s, buf_sv(&e->zone));
}

static void
put_form(struct self *s, const struct entered *e)
{
	page_form(&s->page, "/vacation");
	page_tick(&s->page,
	    &(struct page_tick){
		.name = "on", .label = W_VACATION_ON, .ticked = e->on});
	put_when(s, e);
	page_field(&s->page, &(struct page_field){.name = "subject",
				 .label = W_VACATION_SUBJECT,
				 .hint = W_VACATION_SUBJECT_HINT,
				 .error = e->subject_wrong,
				 .value = buf_sv(&e->subject),
				 .attributes = "maxlength=\"200\"",
				 .optional = true});
	page_field(&s->page, &(struct page_field){.name = "text",
				 .label = W_VACATION_TEXT,
				 .error = e->text_wrong,
				 .value = buf_sv(&e->text),
				 .attributes = "maxlength=\"4000\"",
				 .rows = 8});
	page_tick(&s->page, &(struct page_tick){.name = "contacts",
				.label = W_VACATION_CONTACTS,
				.hint = W_VACATION_CONTACTS_HINT,
				.ticked = e->contacts});
	page_field(&s->page, &(struct page_field){.name = "days",
				 .type = "number",
				 .label = W_VACATION_DAYS,
				 .hint = W_VACATION_DAYS_HINT,
				 .error = e->days_wrong,
				 .value = buf_sv(&e->days),
				 .attributes = "min=\"1\" max=\"90\""});
	page_button(&s->page, W_SAVE, PAGE_BUTTON_MAIN);
	page_form_end(&s->page);
}

static void
show(struct self *s, const struct entered *e)
{
	struct entered now;
	struct pagerules r;

	s->v->calls->rules(s->v->arg, &r);
	entered_init(&now);
	if (e == NULL)
		enter(&r.vacation, &now);
	self_begin(s, W_VACATION, "/vacation");
	self_say_done(s);
	put_state(s, &r.vacation);
	self_put_script(s);
	page_say(&s->page, "p", W_VACATION_ABOUT);
	put_form(s, e != NULL ? e : &now);
	self_end(s);
	entered_fini(&now);
	pagerules_fini(&r);
}

void
self_vacation(struct self *s)
{
	show(s, NULL);
}

/* ---- changed ---- */

static void
read_form(const struct self *s, struct entered *e)
{
	struct buf text;

	self_get(s, "from", &e->from);
	self_get(s, "until", &e->until);
	self_get(s, "days", &e->days);
	self_get(s, "subject", &e->subject);
	self_get(s, "zone", &e->zone);
	e->on = self_has(s, "on");
	e->contacts = self_has(s, "contacts");
	/* Browsers end lines with CRLF. */
	buf_init(&text, PAGE_FORM_MAX);
	self_get(s, "text", &text);
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] != '\r')
			buf_addc(&e->text, text.p[i]);
	buf_fini(&text);
}

static int64_t
take_day(const struct buf *b, enum page_word *wrong)
{
	int64_t day = PAGERULES_NO_DAY;

	if (b->n > 0 && zone_day_parse(buf_sv(b), &day) != RC_OK)
		*wrong = W_DAY_WRONG;
	return day;
}

static bool
is_zone(struct self *s, struct sv zone)
{
	struct buf lines;
	struct sv rest;
	bool is = false;

	buf_init(&lines, ZONES_BYTES);
	s->v->calls->zones(s->v->arg, &lines);
	for (rest = buf_sv(&lines); rest.n > 0 && !is;)
		is = sv_eq(sv_split(&rest, '\n'), zone);
	buf_fini(&lines);
	return is;
}

/* false: something is wrong. */
static bool
check(struct self *s, struct entered *e, struct pagerules_vacation *v)
{
	uint64_t days = 0;

	v->on = e->on;
	v->contacts = e->contacts;
	v->from = take_day(&e->from, &e->from_wrong);
	v->until = take_day(&e->until, &e->until_wrong);
	if (v->from != PAGERULES_NO_DAY && v->until != PAGERULES_NO_DAY &&
	    v->until < v->from)
		e->until_wrong = W_VACATION_ORDER;
	if (sv_to_u64(buf_sv(&e->days), PAGERULES_DAYS_MAX, &days) != RC_OK ||
	    days == 0)
		e->days_wrong = W_VACATION_DAYS_WRONG;
	v->days = (uint32_t)days;
	if (e->subject.n > PAGERULES_SUBJECT_MAX)
		e->subject_wrong = W_TEXT_LONG;
	if (e->text.n > PAGERULES_TEXT_MAX)
		e->text_wrong = W_TEXT_LONG;
	else if (sv_trim(buf_sv(&e->text)).n == 0 && e->on)
		e->text_wrong = W_FIELD_EMPTY;
	if (!is_zone(s, buf_sv(&e->zone)))
		buf_set(&e->zone, SV("UTC"));
	pagerules_set(&v->subject, buf_sv(&e->subject));
	pagerules_set(&v->text, buf_sv(&e->text));
	pagerules_set(&v->zone, buf_sv(&e->zone));
	return e->from_wrong == W_NONE && e->until_wrong == W_NONE &&
	       e->days_wrong == W_NONE && e->subject_wrong == W_NONE &&
	       e->text_wrong == W_NONE;
}

static int
set(void *arg, struct pagerules *r)
{
	struct pagerules_vacation *new = arg, old = r->vacation;

	r->vacation = *new;
	*new = old;
	return RC_OK;
}

void
self_vacation_set(struct self *s)
{
	struct pagerules r;
	struct entered e;

	pagerules_init(&r);
	entered_init(&e);
	read_form(s, &e);
	if (!check(s, &e, &r.vacation)) {
		s->out->status = 422;
		show(s, &e);
	} else if (self_change(s, PAGERULES_VACATION, set, &r.vacation,
		       "/vacation", "saved") == RC_TOOBIG) {
		s->out->status = 422;
		e.text_wrong = W_TEXT_LONG;
		show(s, &e);
	}
	entered_fini(&e);
	pagerules_fini(&r);
}

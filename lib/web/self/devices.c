#include "web/self/self_priv.h"

#include "base/clk.h"
#include "clients/profile.h"
#include "ipc/proto.h"

#define SECOND	      1000
#define EACH_PAGE     30
#define ADDRESSES_MAX 64

/* ---- the list ---- */

static void
put_device(struct self *s, const struct person_device *d)
{
	page_row(&s->page);
	page_cell(&s->page, d->label);
	page_cell_say(&s->page, W_PLAIN, page_day(d->made * SECOND));
	page_cell_say(&s->page, W_PLAIN, page_time(d->used * SECOND));
	if (d->used > 0)
		page_cell_say(&s->page, W_DEVICE_FROM, page_text(d->peer),
		    page_text(d->service));
	else
		page_cell(&s->page, SV(""));
	page_cell_open(&s->page);
	page_press(&s->page, "/devices/revoke", W_DEVICE_REVOKE,
	    PAGE_BUTTON_DANGER, "label", d->label);
	page_cell_end(&s->page);
	page_row_end(&s->page);
}

static void
put_list(struct self *s)
{
	static const enum page_word heads[] = {
	    W_DEVICE, W_ADDED, W_USED, W_FROM_ADDRESS, W_NONE};
	uint64_t skip = self_number(s, "skip");
	struct person_devices all;
	struct msg m;
	uint32_t i;

	if (!self_ask(s, PERSON_DEVICES, &person_devices_codec, &m, &all))
		return;
	if (all.n == 0)
		page_say(&s->page, "p", W_DEVICES_NONE);
	else
		page_table(&s->page, W_DEVICES, heads, 5);
	for (i = 0; i < all.n; i++)
		if (i >= skip && i - skip < EACH_PAGE)
			put_device(s, &all.d[i]);
	if (all.n > 0)
		page_table_end(&s->page);
	self_turn(s, "/devices", skip, all.n, EACH_PAGE);
	person_devices_fini(&all);
	msg_fini(&m);
}

struct choices {
	struct page_choice c[ADDRESSES_MAX];
	size_t n;
};

static void
add_choice(void *arg, enum self_address kind, struct sv address)
{
	struct choices *all = arg;

	if (kind == SELF_OWN && all->n < ADDRESSES_MAX)
		all->c[all->n++] = (struct page_choice){address, address};
}

struct entered {
	struct sv label, address;
	struct self_wrong wrong;
};

static void
put_form(struct self *s, const struct entered *e)
{
	struct choices all = {.n = 0};

	self_each_address(s->v, add_choice, &all);
	page_section(&s->page, W_DEVICE_ADD);
	page_say(&s->page, "p", W_DEVICE_ADD_ABOUT);
	page_form(&s->page, "/devices/add");
	page_field(&s->page, &(struct page_field){.name = "label",
				 .label = W_DEVICE_NAME,
				 .hint = W_DEVICE_HINT,
				 .error = e->wrong.word,
				 .error_text = e->wrong.text,
				 .value = e->label,
				 .attributes = "maxlength=\"60\""});
	if (all.n > 1)
		page_choose(&s->page, "address", W_DEVICE_ADDRESS, all.c, all.n,
		    e->address);
	page_button(&s->page, W_DEVICE_ADD, PAGE_BUTTON_MAIN);
	page_form_end(&s->page);
	page_section_end(&s->page);
}

static void
show(struct self *s, const struct entered *e, const struct person_done *d)
{
	self_begin(s, W_DEVICES, "/devices");
	self_say_done(s);
	if (d != NULL)
		self_say_wrong(s, d);
	page_say(&s->page, "p", W_DEVICES_ABOUT);
	put_list(s);
	put_form(s, e);
	self_end(s);
}

void
self_devices(struct self *s)
{
	show(s, &(struct entered){.label = SV("")}, NULL);
}

/* ---- one more ---- */

/* For the page that shows it: each in a line of its own. */
static void
keep(struct self *s, const struct entered *e, const struct person_done *d)
{
	char ticket[SELF_TICKET_MAX];
	struct buf text;

	buf_init(&text, PAGE_BODY_MAX);
	buf_addf(&text, "%.*s\n%.*s\n%.*s\n%.*s", SV_ARG(e->label),
	    SV_ARG(e->address), SV_ARG(d->secret), SV_ARG(d->link));
	self_once_put(
	    s->v->once, s->v->session, clk_mono(), buf_sv(&text), ticket);
	self_go(s, "/devices/new", "ticket", sv_str(ticket));
	buf_wipe(&text);
}

static void
add(struct self *s, struct entered *e)
{
	const struct person_order o = {
	    .what = PERSON_DEVICE_ADD, .text = e->label, .address = e->address};
	struct person_done d;
	struct msg m;

	if (e->label.n == 0) {
		e->wrong.word = W_FIELD_EMPTY;
		s->out->status = 422;
		show(s, e, NULL);
		return;
	}
	self_order(s, &o, &m, &d);
	if (d.rc == RC_OK) {
		keep(s, e, &d);
	} else {
		self_refused(s, &d);
		e->wrong = self_wrong(&d, PERSON_FIELD_TEXT);
		show(s, e, &d);
	}
	msg_fini(&m);
}

void
self_device_add(struct self *s)
{
	struct buf label, address;
	struct entered e;

	buf_init(&label, PAGE_FORM_MAX);
	buf_init(&address, PERSON_ADDRESS_MAX - 1);
	self_get(s, "label", &label);
	self_get(s, "address", &address);
	e = (struct entered){
	    .label = sv_trim(buf_sv(&label)), .address = buf_sv(&address)};
	/* What is not on the list is the first one. */
	if (!self_is_address(s->v, e.address))
		e.address = self_first_address(s->v);
	if (e.label.n >= PERSON_LABEL_MAX) {
		e.wrong.word = W_LABEL_LONG;
		e.label = sv_first(e.label, 4 * PERSON_LABEL_MAX);
		s->out->status = 422;
		show(s, &e, NULL);
	} else {
		add(s, &e);
	}
	buf_fini(&label);
	buf_fini(&address);
}

/* Where a phone gets its profile, and Thunderbird for Android all of it. */
static void
put_codes(struct self *s, const struct clients_server *c, struct sv path,
    const struct clients_profile *is)
{
	struct buf text;

	buf_init(&text, PAGE_BODY_MAX);
	if (c->web && path.n > 0) {
		clients_put_origin(c, &text);
		buf_addsv(&text, path);
		page_section(&s->page, W_SCAN);
		page_say(&s->page, "p", W_SCAN_ABOUT);
		(void)!page_qr(&s->page, W_SCAN_CODE, buf_sv(&text));
		page_say(&s->page, "p", W_SCAN_OR_OPEN);
		page_code(&s->page, buf_sv(&text));
		page_section_end(&s->page);
	}
	buf_wipe(&text);
	if (clients_thunderbird_code(c, is, &text) == RC_OK) {
		page_details(&s->page, W_THUNDERBIRD);
		page_say(&s->page, "p", W_THUNDERBIRD_ABOUT);
		(void)!page_qr(&s->page, W_THUNDERBIRD, buf_sv(&text));
		page_details_end(&s->page);
	}
	buf_wipe(&text);
}

static void
put_new(struct self *s, struct sv text)
{
	struct clients_profile is = {.account = sv_str(s->v->account)};
	struct clients_server c;

	is.device = sv_split(&text, '\n');
	is.address = sv_split(&text, '\n');
	is.password = sv_split(&text, '\n');
	clients_server_of(s->v->conf, &c);
	page_say(&s->page, "p", W_DEVICE_NEW_FOR, page_text(is.device));
	page_section(&s->page, W_DEVICE_PASSWORD);
	page_code(&s->page, is.password);
	page_say(&s->page, "p", W_DEVICE_ONCE);
	page_section_end(&s->page);
	put_codes(s, &c, text, &is);
	page_details(&s->page, W_SETTINGS);
	page_settings(&s->page, &c, is.address);
	page_details_end(&s->page);
}

void
self_device_new(struct self *s)
{
	struct buf ticket, text;

	buf_init(&ticket, SELF_TICKET_MAX);
	buf_init(&text, PAGE_BODY_MAX);
	self_get(s, "ticket", &ticket);
	self_begin(s, W_DEVICE_NEW, "/devices");
	if (self_once_take(s->v->once, s->v->session, clk_mono(),
		buf_sv(&ticket), false, &text))
		put_new(s, buf_sv(&text));
	else
		page_notice(&s->page, PAGE_WARN, W_DEVICE_SHOWN);
	page_go(&s->page, "/devices", SV(""), W_BACK_TO_DEVICES);
	self_end(s);
	buf_wipe(&text);
	buf_fini(&ticket);
}

/* ---- one less ---- */

void
self_device_revoke(struct self *s)
{
	struct person_order o = {.what = PERSON_DEVICE_REVOKE};
	struct person_done d;
	struct buf label;
	struct msg m;

	buf_init(&label, PERSON_LABEL_MAX - 1);
	self_get(s, "label", &label);
	o.text = buf_sv(&label);
	self_order(s, &o, &m, &d);
	/* One that has gone already is fine, but is not said to have been. */
	if (d.rc == RC_OK || d.rc == RC_NOTFOUND) {
		self_go(s, "/devices", "done",
		    d.rc == RC_OK ? SV("revoked") : SV("gone"));
	} else {
		d.field = PERSON_FIELD_NONE;
		self_refused(s, &d);
		show(s, &(struct entered){.label = SV("")}, &d);
	}
	msg_fini(&m);
	buf_fini(&label);
}

/* What is published of our names, and what is to be: as `dns` says it; and the
 * keys, as `dkim list` does. */
#include "web/admin/admin_priv.h"

#define FRESH_MS   (24 * 60 * 60 * 1000ull)
#define LOOK_MS	   3000 /* it may take minutes */
#define CELL_BYTES 3000
#define REST_BYTES 12000

static bool
is_true(const json_t *record, const char *key)
{
	return json_is_true(json_object_get(record, key));
}

static bool
is_of(const json_t *record, struct sv domain)
{
	return sv_eq(admin_text(record, "domain"), domain);
}

/* Wrong or missing ones first: the others are folded away. */
static void
put_record(struct visit *v, const json_t *record)
{
	struct sv value = admin_text(record, "value");

	page_row(&v->p);
	page_cell_open(&v->p);
	page_show(&v->p, is_true(record, "trouble") ? "strong" : NULL,
	    admin_text(record, "state"));
	page_show(
	    &v->p, "p", admin_fit(admin_text(record, "text"), CELL_BYTES));
	page_cell_end(&v->p);
	page_cell_open(&v->p);
	page_show(&v->p, "code", admin_text(record, "name"));
	page_show(&v->p, NULL, SV(" "));
	page_show(&v->p, NULL, admin_text(record, "type"));
	page_cell_end(&v->p);
	page_cell_open(&v->p);
	if (value.n > 0)
		page_show(&v->p, "code", admin_fit(value, CELL_BYTES));
	page_show(&v->p, NULL, admin_text(record, "advice"));
	page_cell_end(&v->p);
	page_cell(&v->p, admin_fit(admin_text(record, "found"), CELL_BYTES));
	page_row_end(&v->p);
}

/* Returns how many there are. */
static unsigned
put_records(
    struct visit *v, const json_t *records, struct sv domain, bool trouble)
{
	static const enum page_word heads[] = {W_ADMIN_DNS_FINDING,
	    W_ADMIN_DNS_NAME, W_ADMIN_DNS_RECORD, W_ADMIN_DNS_FOUND};
	json_t *record;
	unsigned n = 0;
	size_t i;

	json_array_foreach(records, i, record)
	{
		if (!is_of(record, domain) ||
		    is_true(record, "trouble") != trouble)
			continue;
		if (admin_room(v, REST_BYTES) == 0) {
			page_row(&v->p);
			page_cell_say(&v->p, W_ADMIN_CUT,
			    page_text(SV("hearthmail dns")));
			page_row_end(&v->p);
			break;
		}
		if (n++ == 0)
			page_table(&v->p, W_ADMIN_DNS, heads, 4);
		put_record(v, record);
	}
	if (n > 0)
		page_table_end(&v->p);
	return n;
}

static void
put_domain(struct visit *v, const json_t *records, struct sv domain, bool known)
{
	unsigned n;

	xml_open(&v->p.x, "section", NULL);
	if (domain.n > 0)
		page_show(&v->p, "h2", domain);
	else
		page_heading(&v->p, W_ADMIN_DNS_HOST);
	n = put_records(v, records, domain, true);
	if (n == 0 && known)
		page_notice(&v->p, PAGE_GOOD, W_ADMIN_DNS_WELL);
	page_details(&v->p, W_ADMIN_DNS_RIGHT);
	(void)put_records(v, records, domain, false);
	page_details_end(&v->p);
	xml_close(&v->p.x);
}

/* Whether what leaves is believed, and who can reach us. */
static void
put_verdict(struct visit *v, const json_t *domain)
{
	struct sv reached = admin_text(domain, "reached_text");
	struct sv believed = admin_text(domain, "believed_text");

	if (reached.n > 0)
		page_show(&v->p, "p", admin_fit(reached, CELL_BYTES));
	if (believed.n > 0)
		page_show(&v->p, "p", admin_fit(believed, CELL_BYTES));
}

static void
put_all(struct visit *v, const json_t *j, int64_t when)
{
	const json_t *records = json_object_get(j, "records");
	const bool known = json_is_true(json_object_get(j, "looked_up"));
	struct sv resolver = admin_text(j, "resolver");
	json_t *domain;
	size_t i;

	page_say(&v->p, "p", W_ADMIN_LOOKED_UP, page_time(when));
	if (!known)
		page_notice(&v->p, PAGE_BAD, W_ADMIN_DNS_DEAD);
	if (resolver.n > 0)
		page_notice(
		    &v->p, PAGE_WARN, W_ADMIN_DNS_LIES, page_text(resolver));
	put_domain(v, records, SV(""), known);
	json_array_foreach(json_object_get(j, "domains"), i, domain)
	{
		if (admin_room(v, REST_BYTES) == 0)
			break;
		put_domain(v, records, admin_text(domain, "domain"), known);
		put_verdict(v, domain);
	}
}

void
admin_get_dns(struct visit *v)
{
	json_t *j = NULL;
	int64_t when;
	int r = admin_errand_json(v, ERRAND_DNS, FRESH_MS, LOOK_MS, &j, &when);

	if (r == RC_OK)
		put_all(v, j, when);
	else
		admin_silent(v, r);
	json_decref(j);
	page_form(&v->p, "/admin/dns");
	page_button(&v->p, W_ADMIN_LOOK_AGAIN, PAGE_BUTTON_PLAIN);
	page_form_end(&v->p);
	page_section(&v->p, W_ADMIN_KEYS);
	admin_put_errand(v, ERRAND_DKIM, "hearthmail dkim list");
	page_section_end(&v->p);
}

/* The page waits for it, or says that it takes a while. */
void
admin_post_dns(struct visit *v)
{
	struct buf text;
	int64_t when;

	admin_log(v, "dns", SV(""));
	buf_init(&text, ERRAND_BYTES_MAX + 1);
	(void)!admin_errand(v, ERRAND_DNS, 0, 100, &text, &when);
	buf_fini(&text);
	admin_go(v, "/admin/dns");
}

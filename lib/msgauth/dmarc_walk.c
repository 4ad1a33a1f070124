#include "msgauth/dmarc.h"

#define LABELS_LEFT 7 /* [RFC 9989 4.10] of names with eight and more */

/* The names that are asked for, the longest first. */
static size_t
names_of(struct sv name, struct sv out[DMARC_WALK_MAX])
{
	size_t labels = name_labels(name), n = 0;

	out[n++] = name;
	labels = labels > LABELS_LEFT ? LABELS_LEFT : labels - 1;
	for (; labels > 0; labels--)
		out[n++] = name_last(name, labels);
	return n;
}

/* The answer for _dmarc.name; *none: there cannot be one. */
static const struct dns_answer *
ask(struct lookup *l, enum lookup_part part, struct sv name, bool *none)
{
	const struct dns_answer *a = NULL;
	struct buf b;

	buf_init(&b, DNS_NAME_MAX + 16);
	buf_adds(&b, "_dmarc.");
	buf_addsv(&b, name);
	*none = !lookup_name_valid(buf_sv(&b));
	if (!*none)
		a = lookup_get(l, part, DNS_TXT, buf_sv(&b));
	buf_fini(&b);
	return a;
}

/* The only record there, if there is only one [RFC 9989 4.10]. */
static bool
only_record(const struct dns_answer *a, struct dmarc_record *out)
{
	struct dmarc_record r;
	struct buf text;
	size_t i, n = 0;

	buf_init(&text, LOOKUP_BYTES_MAX);
	for (i = 0; i < a->n; i++) {
		buf_reset(&text);
		if (dns_txt(a->record[i], &text) == RC_OK &&
		    dmarc_record_parse(buf_sv(&text), &r) == RC_OK) {
			*out = r;
			n++;
		}
	}
	buf_fini(&text);
	return n == 1;
}

static void
set_name(char out[DNS_NAME_MAX], struct sv name)
{
	memcpy(out, name.p, name.n);
	out[name.n] = '\0';
}

/* A record at a name of the walk, which begins at `start`; true: it ends. */
static bool
take(struct dmarc_walk *w, struct sv start, struct sv name,
    const struct dmarc_record *r)
{
	struct sv below = name_last(start, name_labels(name) + 1);

	if (name.n == start.n) {
		w->has_own = true;
		w->own = *r;
	} else if (r->psd == 'y') {
		/* [RFC 9989 4.10.2] the domain one label below */
		w->has_psd = true;
		w->at_psd = *r;
		set_name(w->psd, name);
		w->has_org = w->has_org && strlen(w->org) == below.n;
		set_name(w->org, below);
		return true;
	}
	w->has_org = true;
	w->at_org = *r;
	set_name(w->org, name);
	return r->psd != 'u';
}

int
dmarc_walk(struct lookup *l, enum lookup_part part, struct sv name,
    struct dmarc_walk *out)
{
	const struct dns_answer *a[DMARC_WALK_MAX];
	struct sv names[DMARC_WALK_MAX];
	struct dmarc_record r;
	bool none[DMARC_WALK_MAX];
	size_t n, i;

	*out = (struct dmarc_walk){.failed = false};
	set_name(out->org, name);
	n = names_of(name, names);
	for (i = 0; i < n; i++)
		a[i] = ask(l, part, names[i], &none[i]);
	for (i = 0; i < n; i++) {
		if (none[i])
			continue;
		if (a[i] == NULL)
			return RC_MORE;
		if (a[i]->rc == RC_TEMP) {
			out->failed = true;
			out->org[0] = '\0';
			return RC_OK;
		}
		if (only_record(a[i], &r) && take(out, name, names[i], &r))
			break;
	}
	return RC_OK;
}

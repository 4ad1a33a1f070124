#include "imap/parse/list.h"

struct option {
	struct sv name;
	unsigned bit;
};

static const struct option select_options[] = {
    {{"SUBSCRIBED", 10}, IMAP_LIST_SUBSCRIBED},
    {{"REMOTE", 6}, IMAP_LIST_REMOTE},
    {{"RECURSIVEMATCH", 14}, IMAP_LIST_RECURSIVEMATCH},
    {{"SPECIAL-USE", 11}, IMAP_LIST_SPECIAL_USE},
    {{NULL, 0}, 0},
};

static const struct option return_options[] = {
    {{"SUBSCRIBED", 10}, IMAP_LIST_SUBSCRIBED},
    {{"CHILDREN", 8}, IMAP_LIST_CHILDREN},
    {{"SPECIAL-USE", 11}, IMAP_LIST_SPECIAL_USE},
    {{"STATUS", 6}, IMAP_LIST_STATUS},
    {{NULL, 0}, 0},
};

/* One option of the table. */
static int
option(struct imap_in *in, const struct option *o, unsigned *bit_out)
{
	struct sv name;
	int r = imap_element(in);

	if (r != RC_OK)
		return r;
	if (imap_atom(in, &name) != RC_OK)
		return imap_expected(in, "an option of LIST");
	while (o->bit != 0 && !sv_ieq(name, o->name))
		o++;
	if (o->bit == 0)
		return imap_expected(in, "a known option of LIST");
	*bit_out = o->bit;
	return RC_OK;
}

/*
 * list-select-opts = "(" [
 *     (*(list-select-opt SP) list-select-base-opt *(SP list-select-opt)) /
 *     (list-select-independent-opt *(SP list-select-independent-opt)) ] ")"
 * behind "(".  SPECIAL-USE is an independent one [RFC 6154 6].
 */
static int
select_opts(struct imap_in *in, struct imap_list *l)
{
	unsigned bit;
	int r = RC_OK;

	if (imap_take(in, ')'))
		return RC_OK;
	do {
		r = option(in, select_options, &bit);
		if (r != RC_OK)
			return r;
		l->select |= bit;
	} while (imap_take(in, ' '));
	if ((l->select & IMAP_LIST_RECURSIVEMATCH) &&
	    !(l->select & IMAP_LIST_SUBSCRIBED))
		return imap_expected(in, "SUBSCRIBED with RECURSIVEMATCH");
	return imap_ch(in, ')');
}

/*
 * list-return-opts = "RETURN" SP "(" [list-return-opt
 *                    *(SP list-return-opt)] ")"
 * status-option    = "STATUS" SP "(" status-att *(SP status-att) ")"
 */
static int
return_opts(struct imap_in *in, struct imap_list *l)
{
	unsigned bit = 0, status = 0;
	int r;

	if (!imap_take_word(in, SV("RETURN")))
		return imap_expected(in, "RETURN (...)");
	r = imap_sp(in);
	if (r == RC_OK)
		r = imap_ch(in, '(');
	if (r != RC_OK || imap_take(in, ')'))
		return r;
	do {
		r = option(in, return_options, &bit);
		if (r == RC_OK && bit == IMAP_LIST_STATUS) {
			r = imap_sp(in);
			if (r == RC_OK)
				r = imap_status_atts(in, &status);
			l->status |= status;
		}
		if (r != RC_OK)
			return r;
		l->ret |= bit;
	} while (imap_take(in, ' '));
	return imap_ch(in, ')');
}

static int
pattern(struct imap_in *in, struct imap_list *l, size_t *cap)
{
	if (l->npattern >= in->lim->patterns)
		return RC_TOOBIG;
	l->pattern = arena_grow(
	    in->arena, l->pattern, cap, l->npattern + 1, sizeof *l->pattern);
	return imap_list_mailbox(in, &l->pattern[l->npattern++]);
}

/*
 * mbox-or-pat = list-mailbox / patterns
 * patterns    = "(" list-mailbox *(SP list-mailbox) ")"  [RFC 5258 6]
 */
static int
mbox_or_pat(struct imap_in *in, struct imap_list *l)
{
	size_t cap = 0;
	int r;

	if (!imap_take(in, '('))
		return pattern(in, l, &cap);
	l->extended = true;
	do {
		r = pattern(in, l, &cap);
		if (r != RC_OK)
			return r;
	} while (imap_take(in, ' '));
	return imap_ch(in, ')');
}

/*
 * list = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat
 *        [SP list-return-opts]
 * The mailbox is a reference, half a name: "Work/" or empty.
 */
int
imap_list_args(struct imap_in *in, struct imap_list *out)
{
	int r = RC_OK;

	*out = (struct imap_list){.extended = false};
	if (imap_take(in, '(')) {
		out->extended = true;
		r = select_opts(in, out);
		if (r == RC_OK)
			r = imap_sp(in);
	}
	if (r == RC_OK)
		r = imap_astring(in, &out->reference);
	if (r == RC_OK)
		r = imap_sp(in);
	if (r == RC_OK)
		r = mbox_or_pat(in, out);
	if (r == RC_OK && imap_take(in, ' ')) {
		out->extended = true;
		r = return_opts(in, out);
	}
	return r == RC_OK ? imap_end(in) : r;
}

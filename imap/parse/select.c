#include "imap/parse/select.h"

#include "base/ascii.h"

/* A sequence-set of numbers only. */
static int
number_set(struct imap_in *in, struct imap_set *out)
{
	int r = imap_sequence_set(in, out);

	if (r == RC_OK && (out->saved || imap_set_has_star(out)))
		return imap_expected(in, "a set of numbers");
	return r;
}

/* seq-match-data = "(" known-sequence-set SP known-uid-set ")", behind "(" */
static int
seq_match_data(struct imap_in *in, struct imap_select *out)
{
	int r = number_set(in, &out->seqno);

	if (r == RC_OK)
		r = imap_sp(in);
	if (r == RC_OK)
		r = number_set(in, &out->uid);
	return r == RC_OK ? imap_ch(in, ')') : r;
}

/*
 * "(" uidvalidity SP mod-sequence-value [SP known-uids]
 * [SP seq-match-data] ")"
 */
static int
qresync(struct imap_in *in, struct imap_select *out)
{
	int r = imap_sp(in);

	if (r == RC_OK)
		r = imap_ch(in, '(');
	if (r == RC_OK)
		r = imap_nz_number(in, &out->uidvalidity);
	if (r == RC_OK)
		r = imap_sp(in);
	if (r == RC_OK)
		r = imap_modseq(in, &out->modseq);
	if (r != RC_OK || imap_take(in, ')'))
		return r;
	r = imap_sp(in);
	if (r == RC_OK && ascii_is_digit(imap_peek(in))) {
		out->some = true;
		r = number_set(in, &out->known);
		if (r != RC_OK || imap_take(in, ')'))
			return r;
		r = imap_sp(in);
	}
	if (r == RC_OK)
		r = imap_ch(in, '(');
	if (r == RC_OK)
		r = seq_match_data(in, out);
	return r == RC_OK ? imap_ch(in, ')') : r;
}

/*
 * select-params = "(" select-param *(SP select-param) ")"  [RFC 4466 2.1]
 * select-param  = "CONDSTORE" / "QRESYNC" SP "(" ... ")", each at most once
 */
int
imap_select_params(struct imap_in *in, struct imap_select *out)
{
	int r;

	*out = (struct imap_select){.condstore = false};
	if (!imap_take(in, ' '))
		return RC_OK;
	r = imap_ch(in, '(');
	while (r == RC_OK) {
		if (!out->condstore && imap_take_word(in, SV("CONDSTORE"))) {
			out->condstore = true;
		} else if (!out->qresync && imap_take_word(in, SV("QRESYNC"))) {
			out->qresync = true;
			r = qresync(in, out);
		} else {
			return imap_expected(in, "CONDSTORE or QRESYNC");
		}
		if (r == RC_OK && !imap_take(in, ' '))
			return imap_ch(in, ')');
	}
	return r;
}

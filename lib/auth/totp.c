#include "auth/totp.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/ascii.h"
#include "base/be.h"
#include "base/form.h"

#define DIGITS 6

/* [RFC 4226 5.3] */
uint32_t
totp_code(struct sv secret, uint64_t step)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned int n = 0;
	char message[8];
	uint32_t at;

	be_put64(message, step);
	must(HMAC(EVP_sha1(), secret.p, (int)secret.n,
		 (const unsigned char *)message, sizeof message, mac,
		 &n) != NULL &&
	     n == 20);
	at = mac[n - 1] & 15;
	return (be_get32((const char *)mac + at) & 0x7fffffff) % 1000000;
}

/* false: that cannot be one. */
static bool
read_code(struct sv text, uint32_t *out)
{
	unsigned digits = 0;
	uint32_t code = 0;
	size_t i;

	for (i = 0; i < text.n; i++) {
		if (ascii_is_digit(text.p[i]) && digits < DIGITS) {
			code = code * 10 + (uint32_t)(text.p[i] - '0');
			digits++;
		} else if (text.p[i] != ' ' && text.p[i] != '-') {
			return false;
		}
	}
	*out = code;
	return digits == DIGITS;
}

int
totp_check(struct sv secret, struct sv code, int64_t seconds, uint64_t last,
    uint64_t *step_out)
{
	const uint64_t now = seconds > 0 ? (uint64_t)seconds / TOTP_STEP_S : 0;
	uint64_t found = 0;
	uint32_t given;
	int ahead;

	if (!read_code(code, &given))
		return RC_DENIED;
	/* All three, whichever it is: the time tells nothing. */
	for (ahead = -1; ahead <= 1; ahead++) {
		const uint64_t step = now + 1 + (uint64_t)(int64_t)ahead;

		if (step > 0 && step - 1 > last &&
		    totp_code(secret, step - 1) == given)
			found = step;
	}
	if (found == 0)
		return RC_DENIED;
	*step_out = found - 1;
	return RC_OK;
}

/* [RFC 4648 6] */
void
totp_secret_text(struct sv secret, struct buf *out)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	unsigned bits = 0;
	uint32_t have = 0;
	size_t i;

	for (i = 0; i < secret.n; i++) {
		have = (have << 8 | (unsigned char)secret.p[i]) & 0xfff;
		for (bits += 8; bits >= 5; bits -= 5)
			buf_addc(out, letters[have >> (bits - 5) & 31]);
	}
	if (bits > 0)
		buf_addc(out, letters[have << (5 - bits) & 31]);
}

void
totp_uri(struct sv secret, struct sv issuer, struct sv account, struct buf *out)
{
	buf_adds(out, "otpauth://totp/");
	form_encode(issuer, out);
	buf_addc(out, ':');
	form_encode(account, out);
	buf_adds(out, "?secret=");
	totp_secret_text(secret, out);
	buf_adds(out, "&issuer=");
	form_encode(issuer, out);
	buf_adds(out, "&algorithm=SHA1&digits=6&period=30");
}

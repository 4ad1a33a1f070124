/*
 * One-time codes by time [RFC 6238]: SHA-1, six digits, steps of 30 seconds,
 * which is what all programs on phones know.  Pure.
 */
#ifndef AUTH_TOTP_H
#define AUTH_TOTP_H

#include <stdint.h>

#include "base/buf.h"

#define TOTP_SECRET 20 /* bytes, as [RFC 4226 4] recommends */
#define TOTP_STEP_S 30

/* Of any secret, for its step. */
uint32_t totp_code(struct sv secret, uint64_t step);
/*
 * Is it the code of the step of that time, the one before it or the one behind
 * it?  Of a step up to `last` it is not: each is used once [RFC 6238 5.2], and
 * where several steps have the same code, the newest counts.  Blanks and dashes
 * do not matter.  RC_OK with the step, or RC_DENIED.
 */
int totp_check(struct sv secret, struct sv code, int64_t seconds, uint64_t last,
    uint64_t *step_out) RC_USE_RESULT;
/* Base32 without padding, as people type it. */
void totp_secret_text(struct sv secret, struct buf *out);
/* otpauth://totp/ISSUER:ACCOUNT?..., for a QR code. */
void totp_uri(
    struct sv secret, struct sv issuer, struct sv account, struct buf *out);

#endif

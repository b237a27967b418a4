// SHA-1 and SHA-256 of many messages of one length at a time, for x86-64 processors with the SHA extensions.
// Those instructions have a latency of several cycles and can be started every cycle or two, so a single message
// leaves most of the unit idle; here several messages advance in step. Everything is bounds-checked at the
// entrance from JavaScript; below it, functions trust their arguments. No memory is allocated, no state is kept.
#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

#define SHA_CODE __attribute__((target("sha,ssse3,sse4.1")))
#define INLINE static inline __attribute__((always_inline)) SHA_CODE
#define BLOCK 64
// Messages that advance in step. Fewer leave the unit idle, more gain nothing.
#define LANES 4

// Advances the SHA-1 states of `lanes` messages by `count` blocks each (FIPS 180-4, 6.1). `lanes` is a constant
// wherever this is inlined, so that the loops over lanes disappear.
INLINE void sha1_blocks(const int lanes, const uint8_t *const data[], size_t count, uint32_t state[][8]) {
  const __m128i reversed = _mm_set_epi64x(0x0001020304050607LL, 0x08090a0b0c0d0e0fLL);
  __m128i abcd[LANES], e0[LANES], e1[LANES], abcd_in[LANES], e_in[LANES];
  __m128i w0[LANES], w1[LANES], w2[LANES], w3[LANES];
#define EACH for (int i = 0; i < lanes; i++)
#define LOAD(w, at) w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(block + (at))), reversed)
// Four rounds with function f, taking their words from w; the schedule moves on by one step of four words.
#define ROUNDS(from, to, w, next, after, last, f)        \
  EACH {                                                 \
    from[i] = _mm_sha1nexte_epu32(from[i], w[i]);        \
    to[i] = abcd[i];                                     \
    next[i] = _mm_sha1msg2_epu32(next[i], w[i]);         \
    abcd[i] = _mm_sha1rnds4_epu32(abcd[i], from[i], f);  \
    last[i] = _mm_sha1msg1_epu32(last[i], w[i]);         \
    after[i] = _mm_xor_si128(after[i], w[i]);            \
  }
  EACH {
    abcd[i] = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state[i]), 0x1b);
    e0[i] = _mm_set_epi32((int)state[i][4], 0, 0, 0);
  }
  for (size_t at = 0; at < count * BLOCK; at += BLOCK) {
    EACH {
      const uint8_t *block = data[i] + at;
      abcd_in[i] = abcd[i];
      e_in[i] = e0[i];
      LOAD(w0, 0);
      LOAD(w1, 16);
      LOAD(w2, 32);
      LOAD(w3, 48);
    }
    EACH {
      e0[i] = _mm_add_epi32(e0[i], w0[i]);
      e1[i] = abcd[i];
      abcd[i] = _mm_sha1rnds4_epu32(abcd[i], e0[i], 0);
    }
    EACH {
      e1[i] = _mm_sha1nexte_epu32(e1[i], w1[i]);
      e0[i] = abcd[i];
      abcd[i] = _mm_sha1rnds4_epu32(abcd[i], e1[i], 0);
      w0[i] = _mm_sha1msg1_epu32(w0[i], w1[i]);
    }
    EACH {
      e0[i] = _mm_sha1nexte_epu32(e0[i], w2[i]);
      e1[i] = abcd[i];
      abcd[i] = _mm_sha1rnds4_epu32(abcd[i], e0[i], 0);
      w1[i] = _mm_sha1msg1_epu32(w1[i], w2[i]);
      w0[i] = _mm_xor_si128(w0[i], w2[i]);
    }
    ROUNDS(e1, e0, w3, w0, w1, w2, 0)
    ROUNDS(e0, e1, w0, w1, w2, w3, 0)
    ROUNDS(e1, e0, w1, w2, w3, w0, 1)
    ROUNDS(e0, e1, w2, w3, w0, w1, 1)
    ROUNDS(e1, e0, w3, w0, w1, w2, 1)
    ROUNDS(e0, e1, w0, w1, w2, w3, 1)
    ROUNDS(e1, e0, w1, w2, w3, w0, 1)
    ROUNDS(e0, e1, w2, w3, w0, w1, 2)
    ROUNDS(e1, e0, w3, w0, w1, w2, 2)
    ROUNDS(e0, e1, w0, w1, w2, w3, 2)
    ROUNDS(e1, e0, w1, w2, w3, w0, 2)
    ROUNDS(e0, e1, w2, w3, w0, w1, 2)
    ROUNDS(e1, e0, w3, w0, w1, w2, 3)
    ROUNDS(e0, e1, w0, w1, w2, w3, 3)
    ROUNDS(e1, e0, w1, w2, w3, w0, 3)
    ROUNDS(e0, e1, w2, w3, w0, w1, 3)
    EACH {
      e1[i] = _mm_sha1nexte_epu32(e1[i], w3[i]);
      e0[i] = abcd[i];
      abcd[i] = _mm_sha1rnds4_epu32(abcd[i], e1[i], 3);
      e0[i] = _mm_sha1nexte_epu32(e0[i], e_in[i]);
      abcd[i] = _mm_add_epi32(abcd[i], abcd_in[i]);
    }
  }
  EACH {
    _mm_storeu_si128((__m128i *)state[i], _mm_shuffle_epi32(abcd[i], 0x1b));
    state[i][4] = (uint32_t)_mm_extract_epi32(e0[i], 3);
  }
#undef ROUNDS
}

static const uint32_t sha256_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

// As above for SHA-256 (FIPS 180-4, 6.2).
INLINE void sha256_blocks(const int lanes, const uint8_t *const data[], size_t count, uint32_t state[][8]) {
  const __m128i reversed = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
  __m128i abef[LANES], cdgh[LANES], abef_in[LANES], cdgh_in[LANES];
  __m128i w[4][LANES];
  EACH {
    __m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)&state[i][0]), 0xb1);
    __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)&state[i][4]), 0x1b);
    abef[i] = _mm_alignr_epi8(cdab, efgh, 8);
    cdgh[i] = _mm_blend_epi16(efgh, cdab, 0xf0);
  }
  for (size_t at = 0; at < count * BLOCK; at += BLOCK) {
    EACH {
      const uint8_t *block = data[i] + at;
      abef_in[i] = abef[i];
      cdgh_in[i] = cdgh[i];
      LOAD(w[0], 0);
      LOAD(w[1], 16);
      LOAD(w[2], 32);
      LOAD(w[3], 48);
    }
#pragma GCC unroll 16
    for (int step = 0; step < 16; step++) {
      const __m128i constants = _mm_loadu_si128((const __m128i *)&sha256_constants[4 * step]);
      EACH {
        __m128i *const now = &w[step & 3][i];
        if (step >= 4) {
          const __m128i before = w[(step + 3) & 3][i];
          const __m128i shifted = _mm_alignr_epi8(before, w[(step + 2) & 3][i], 4);
          *now = _mm_sha256msg1_epu32(*now, w[(step + 1) & 3][i]);
          *now = _mm_sha256msg2_epu32(_mm_add_epi32(*now, shifted), before);
        }
        const __m128i words = _mm_add_epi32(*now, constants);
        cdgh[i] = _mm_sha256rnds2_epu32(cdgh[i], abef[i], words);
        abef[i] = _mm_sha256rnds2_epu32(abef[i], cdgh[i], _mm_shuffle_epi32(words, 0x0e));
      }
    }
    EACH {
      abef[i] = _mm_add_epi32(abef[i], abef_in[i]);
      cdgh[i] = _mm_add_epi32(cdgh[i], cdgh_in[i]);
    }
  }
  EACH {
    const __m128i feba = _mm_shuffle_epi32(abef[i], 0x1b);
    const __m128i dchg = _mm_shuffle_epi32(cdgh[i], 0xb1);
    _mm_storeu_si128((__m128i *)&state[i][0], _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)&state[i][4], _mm_alignr_epi8(dchg, feba, 8));
  }
#undef LOAD
#undef EACH
}

typedef void blocks_function(const uint8_t *const data[], size_t count, uint32_t state[][8]);

SHA_CODE static void sha1_many(const uint8_t *const data[], size_t count, uint32_t state[][8]) {
  sha1_blocks(LANES, data, count, state);
}
SHA_CODE static void sha1_one(const uint8_t *const data[], size_t count, uint32_t state[][8]) {
  sha1_blocks(1, data, count, state);
}
SHA_CODE static void sha256_many(const uint8_t *const data[], size_t count, uint32_t state[][8]) {
  sha256_blocks(LANES, data, count, state);
}
SHA_CODE static void sha256_one(const uint8_t *const data[], size_t count, uint32_t state[][8]) {
  sha256_blocks(1, data, count, state);
}

struct algorithm {
  int digest_words;
  blocks_function *many;
  blocks_function *one;
  uint32_t start[8];
};

static const struct algorithm algorithms[2] = {
    {5, sha1_many, sha1_one, {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}},
    {8,
     sha256_many,
     sha256_one,
     {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}}};

// Hashes 1 to LANES messages of `length` bytes. All are read before a digest is written.
static void hash_lanes(const struct algorithm *algorithm, int count, const uint8_t *const messages[], size_t length,
                       uint8_t *digests) {
  // From two messages on all lanes are used, idle ones with the last message again: cheaper than one by one.
  const int lanes = count == 1 ? 1 : LANES;
  blocks_function *const advance = count == 1 ? algorithm->one : algorithm->many;
  const size_t whole = length / BLOCK;
  const size_t rest = length % BLOCK;
  // After the message come a one bit and, in the last eight bytes of a block, the length in bits.
  const size_t tail_blocks = rest + 9 > BLOCK ? 2 : 1;
  uint8_t tail[LANES][2 * BLOCK];
  uint32_t state[LANES][8];
  const uint8_t *heads[LANES];
  const uint8_t *tails[LANES];
  for (int i = 0; i < lanes; i++) {
    const uint8_t *const message = messages[i < count ? i : count - 1];
    memcpy(state[i], algorithm->start, sizeof state[i]);
    memset(tail[i], 0, sizeof tail[i]);
    // Without a byte to read there may be no array either, and memcpy must not be given a null pointer.
    if (rest > 0) memcpy(tail[i], message + whole * BLOCK, rest);
    tail[i][rest] = 0x80;
    const uint64_t bits = (uint64_t)length * 8;
    for (int byte = 0; byte < 8; byte++) tail[i][tail_blocks * BLOCK - 1 - byte] = (uint8_t)(bits >> (8 * byte));
    heads[i] = message;
    tails[i] = tail[i];
  }
  advance(heads, whole, state);
  advance(tails, tail_blocks, state);
  for (int i = 0; i < count; i++) {
    for (int word = 0; word < algorithm->digest_words; word++) {
      const uint32_t value = state[i][word];
      uint8_t *const at = digests + (i * algorithm->digest_words + word) * 4;
      at[0] = (uint8_t)(value >> 24);
      at[1] = (uint8_t)(value >> 16);
      at[2] = (uint8_t)(value >> 8);
      at[3] = (uint8_t)value;
    }
  }
}

// Message i begins at `starts[i]` bytes from `bytes`, or end to end without `starts`.
static void hash_messages(const struct algorithm *algorithm, const uint8_t *bytes, const double *starts, size_t length,
                          size_t count, uint8_t *digests) {
  const size_t digest_length = (size_t)algorithm->digest_words * 4;
  for (size_t first = 0; first < count; first += LANES) {
    const size_t now = count - first < LANES ? count - first : LANES;
    const uint8_t *messages[LANES];
    for (size_t i = 0; i < now; i++) {
      messages[i] = bytes + (starts == NULL ? (first + i) * length : (size_t)starts[first + i]);
    }
    hash_lanes(algorithm, (int)now, messages, length, digests + first * digest_length);
  }
}

static bool is_supported(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || (c & bit_SSSE3) == 0 || (c & bit_SSE4_1) == 0) return false;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1u << 29)) != 0;
}

#else

struct algorithm {
  int digest_words;
};
static const struct algorithm algorithms[2] = {{5}, {8}};
static void hash_messages(const struct algorithm *algorithm, const uint8_t *bytes, const double *starts, size_t length,
                          size_t count, uint8_t *digests) {
  (void)algorithm, (void)bytes, (void)starts, (void)length, (void)count, (void)digests;
}
static bool is_supported(void) { return false; }

#endif

static bool read_array(napi_env env, napi_value value, napi_typedarray_type wanted, void **data, size_t *length) {
  napi_typedarray_type type;
  return napi_get_typedarray_info(env, value, &type, length, data, NULL, NULL) == napi_ok && type == wanted;
}

// Whether all messages lie within `bytes_length` bytes; false for starts that are no whole numbers too.
static bool are_within(const double *starts, uint32_t count, uint32_t length, size_t bytes_length) {
  if (starts == NULL) return (uint64_t)length * count <= bytes_length;
  if (length > bytes_length) return false;
  for (uint32_t i = 0; i < count; i++) {
    // Written so that NaN fails too.
    if (!(starts[i] >= 0 && starts[i] <= (double)(bytes_length - length))) return false;
    if (starts[i] != (double)(size_t)starts[i]) return false;
  }
  return true;
}

// hashRun(algorithm: 0 | 1, bytes: Uint8Array, messageLength, count, digests: Uint8Array, digestOffset): void
// hashGather(the same, starts: Float64Array): void
static napi_value js_hash(napi_env env, napi_callback_info info) {
  napi_value arguments[7];
  size_t argument_count = 7;
  uint32_t kind, message_length, count, digest_offset;
  void *bytes, *digests, *starts = NULL;
  size_t bytes_length, digests_length, starts_length = 0;
  const bool is_read = napi_get_cb_info(env, info, &argument_count, arguments, NULL, NULL) == napi_ok &&
                       (argument_count == 6 || argument_count == 7) &&
                       napi_get_value_uint32(env, arguments[0], &kind) == napi_ok &&
                       read_array(env, arguments[1], napi_uint8_array, &bytes, &bytes_length) &&
                       napi_get_value_uint32(env, arguments[2], &message_length) == napi_ok &&
                       napi_get_value_uint32(env, arguments[3], &count) == napi_ok &&
                       read_array(env, arguments[4], napi_uint8_array, &digests, &digests_length) &&
                       napi_get_value_uint32(env, arguments[5], &digest_offset) == napi_ok;
  const bool is_gathered = argument_count == 7;
  if (!is_read || kind > 1 ||
      (is_gathered && !read_array(env, arguments[6], napi_float64_array, &starts, &starts_length))) {
    napi_throw_type_error(env, NULL, "bulk-hash: arguments of the wrong type");
    return NULL;
  }
  const struct algorithm *const algorithm = &algorithms[kind];
  const uint64_t digest_bytes = (uint64_t)count * (uint64_t)algorithm->digest_words * 4;
  if ((is_gathered && count > starts_length) || !are_within(starts, count, message_length, bytes_length) ||
      digest_offset + digest_bytes > digests_length) {
    napi_throw_range_error(env, NULL, "bulk-hash: messages or digests beyond their arrays");
    return NULL;
  }
  hash_messages(algorithm, bytes, starts, message_length, count, (uint8_t *)digests + digest_offset);
  return NULL;
}

static bool put_function(napi_env env, napi_value exports, const char *name) {
  napi_value function;
  return napi_create_function(env, name, NAPI_AUTO_LENGTH, js_hash, NULL, &function) == napi_ok &&
         napi_set_named_property(env, exports, name, function) == napi_ok;
}

NAPI_MODULE_INIT() {
  napi_value supported;
  if (napi_get_boolean(env, is_supported(), &supported) != napi_ok ||
      napi_set_named_property(env, exports, "isSupported", supported) != napi_ok ||
      !put_function(env, exports, "hashRun") || !put_function(env, exports, "hashGather")) {
    napi_throw_error(env, NULL, "bulk-hash: cannot be set up");
  }
  return exports;
}

package embedded

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"

	"github.com/hanok/hanok"
)

// The cost of a password hash: 12 MiB and three passes, one of the settings
// that OWASP recommends for argon2id; some 20 ms of one core.
const (
	hashMemoryKiB = 12 << 10
	hashPasses    = 3
	hashThreads   = 1
	saltBytes     = 16
	keyBytes      = 32
)

// maxPassword bounds what is hashed, so that a huge one costs nothing.
const maxPassword = 1024

// hasher hashes a few passwords at a time: each takes memory, and anybody may
// ask for a token.
type hasher struct {
	slots chan struct{}
	dummy string // hash that unknown users are checked against
}

func newHasher() *hasher {
	h := &hasher{slots: make(chan struct{}, 2)}
	h.dummy = h.encode(randomBytes(saltBytes), make([]byte, keyBytes))
	return h
}

// enter waits for a slot, which leave gives back.
func (h *hasher) enter(ctx context.Context) error {
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *hasher) leave() { <-h.slots }

// hash gives the encoded hash (PHC string format) of a password.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	salt := randomBytes(saltBytes)
	key := argon2.IDKey([]byte(password), salt, hashPasses, hashMemoryKiB, hashThreads, keyBytes)
	return h.encode(salt, key), nil
}

// verify tells whether the password has this encoded hash. It takes as long
// for an encoded "" (an unknown user) as for a wrong password. The caller
// holds a slot.
func (h *hasher) verify(encoded, password string) (bool, error) {
	known := encoded != ""
	if !known {
		encoded = h.dummy
	}
	memory, passes, threads, salt, want, err := parseHash(encoded)
	if err != nil {
		return false, err
	}
	if len(password) > maxPassword {
		password, known = "", false
	}
	got := argon2.IDKey([]byte(password), salt, passes, memory, threads, keyBytes)
	return subtle.ConstantTimeCompare(got, want) == 1 && known, nil
}

func (h *hasher) encode(salt, key []byte) string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, hashMemoryKiB, hashPasses, hashThreads, b64(salt), b64(key))
}

func parseHash(encoded string) (memory, passes uint32, threads uint8, salt, key []byte, err error) {
	parts := strings.Split(encoded, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return 0, 0, 0, nil, nil, errors.New("the stored password hash is of no known form: give the user another password with `hanok user password`")
	}
	if _, err = fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &threads); err == nil {
		if salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err == nil {
			key, err = base64.RawStdEncoding.DecodeString(parts[5])
		}
	}
	if err == nil && (len(key) != keyBytes || len(salt) == 0 || passes == 0 || threads == 0) {
		err = fmt.Errorf("bad parameters")
	}
	if err != nil {
		return 0, 0, 0, nil, nil, fmt.Errorf("the stored password hash is damaged: %w", err)
	}
	return memory, passes, threads, salt, key, nil
}

// passwordAlphabet leaves out what is easily misread or needs quoting in a shell.
const passwordAlphabet = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"

// GeneratePassword gives 24 random letters and digits, some 139 bits.
func GeneratePassword() string {
	out := make([]byte, 0, 24)
	for len(out) < cap(out) {
		for _, b := range randomBytes(cap(out)) {
			// Bytes beyond the last whole multiple would favour some letters.
			if limit := 256 / len(passwordAlphabet) * len(passwordAlphabet); int(b) < limit && len(out) < cap(out) {
				out = append(out, passwordAlphabet[int(b)%len(passwordAlphabet)])
			}
		}
	}
	return string(out)
}

func checkPassword(password string) error {
	if len(password) < 8 || len(password) > maxPassword {
		return hanok.Invalid("password", "has %d characters; give 8 to %d", len(password), maxPassword)
	}
	return nil
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails: it ends the program instead
	return b
}

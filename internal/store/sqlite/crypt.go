package sqlite

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A sealed value is sealVersion, a random nonce, and the AES-256-GCM
// ciphertext. The additional data names the record, so that a value moved to
// another record does not open.
const (
	sealVersion = 1
	keyBytes    = 32
)

// sealer seals and opens values under the key file.
type sealer struct {
	aead cipher.AEAD
	id   string // recognises the key without telling it
}

// loadKey reads the key file, a hex line. make allows a new one where there
// is none.
func loadKey(path string, create bool) (*sealer, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if !create {
			return nil, fmt.Errorf("the key file %s is missing but the database holds secrets sealed under it: restore the file from a backup", path)
		}
		return makeKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read the key file: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read the key file: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the key file %s is open to others (mode %#o): chmod 600 it", path, info.Mode().Perm())
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(raw)))
	if err != nil || len(key) != keyBytes {
		return nil, fmt.Errorf("the key file %s is damaged: it must hold %d bytes in hex; restore it from a backup", path, keyBytes)
	}
	return newSealer(key)
}

func makeKey(path string) (*sealer, error) {
	key := make([]byte, keyBytes)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	if err := writeDurably(path, []byte(hex.EncodeToString(key)+"\n")); err != nil {
		return nil, fmt.Errorf("keep the key file: %w", err)
	}
	return newSealer(key)
}

// writeDurably writes a file that is either whole or not there, also after a
// power cut.
func writeDurably(path string, content []byte) error {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, ".key-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(content)
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func newSealer(key []byte) (*sealer, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append([]byte("hanok key id\x00"), key...))
	return &sealer{aead: aead, id: hex.EncodeToString(sum[:8])}, nil
}

func (s *sealer) seal(value []byte, record string) ([]byte, error) {
	nonce := make([]byte, s.aead.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("seal %s: %w", record, err)
	}
	out := append([]byte{sealVersion}, nonce...)
	return s.aead.Seal(out, nonce, value, []byte(record)), nil
}

func (s *sealer) open(sealed []byte, record string) ([]byte, error) {
	n := s.aead.NonceSize()
	if len(sealed) < 1+n || sealed[0] != sealVersion {
		return nil, fmt.Errorf("open %s: not a sealed value", record)
	}
	value, err := s.aead.Open(nil, sealed[1:1+n], sealed[1+n:], []byte(record))
	if err != nil {
		return nil, fmt.Errorf("open %s: it was sealed under another key or was altered", record)
	}
	return value, nil
}

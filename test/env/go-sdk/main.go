// Uses every call of the Go SDK that MinIO embeds against a KES server and prints what came back as one JSON object.
// A call that fails ends the program with exit code 1 and says which. Only the SDK's public API is used.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/minio/kms-go/kes"
)

var result = map[string]any{}

func check(what string, err error) {
	if err == nil {
		return
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
	os.Exit(1)
}

func expect(what string, holds bool) {
	if !holds {
		check(what, errors.New("not as expected"))
	}
}

func client(endpoint, apiKey, caFile string) *kes.Client {
	key, err := kes.ParseAPIKey(apiKey)
	check("parse API key", err)
	certificate, err := kes.GenerateCertificate(key)
	check("generate certificate", err)
	pem, err := os.ReadFile(caFile)
	check("read CA", err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return kes.NewClientWithConfig(endpoint, &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{certificate},
		RootCAs:      roots,
	})
}

func main() {
	if os.Args[1] == "load" {
		ended := make(chan struct{})
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			close(ended)
		}()
		load(client("", os.Args[3], os.Args[4]), os.Args[2], ended)
		check("write", json.NewEncoder(os.Stdout).Encode(result))
		return
	}
	admin := client(os.Args[1], os.Args[2], os.Args[3])
	user := client(os.Args[1], os.Args[4], os.Args[3])
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	system(ctx, admin)
	keys(ctx, admin)
	access(ctx, admin, user)
	logs(ctx, admin)
	check("write", json.NewEncoder(os.Stdout).Encode(result))
}

func system(ctx context.Context, c *kes.Client) {
	version, err := c.Version(ctx)
	check("version", err)
	result["version"] = version
	ready, err := c.IsReady(ctx)
	check("ready", err)
	result["ready"] = ready
	state, err := c.Status(ctx)
	check("status", err)
	result["latency"] = state.KeyStoreLatency.String()
	result["reachable"] = state.KeyStoreReachable
	apis, err := c.APIs(ctx)
	check("apis", err)
	result["apis"] = len(apis)
}

func keys(ctx context.Context, c *kes.Client) {
	const name, other = "sdk-key", "sdk-imported"
	aad := []byte(`{"bucket":"bucket/object"}`)
	check("create", c.CreateKey(ctx, name))
	expect("create again", errors.Is(c.CreateKey(ctx, name), kes.ErrKeyExists))
	_, err := c.GenerateKey(ctx, "no-such-key", aad)
	expect("generate with no key", errors.Is(err, kes.ErrKeyNotFound))
	dek, err := c.GenerateKey(ctx, name, aad)
	check("generate", err)
	expect("data key size", len(dek.Plaintext) == 32)
	opened, err := c.Decrypt(ctx, name, dek.Ciphertext, aad)
	check("decrypt", err)
	expect("decrypted", bytes.Equal(opened, dek.Plaintext))
	_, err = c.Decrypt(ctx, name, dek.Ciphertext, []byte("other"))
	expect("decrypt with another context", errors.Is(err, kes.ErrDecrypt))
	sealed, err := c.Encrypt(ctx, name, []byte("hello"), nil)
	check("encrypt", err)
	hello, err := c.Decrypt(ctx, name, sealed, nil)
	check("decrypt message", err)
	result["hello"] = string(hello)
	first, err := c.HMAC(ctx, name, []byte("root access key"))
	check("hmac", err)
	second, err := c.HMAC(ctx, name, []byte("root access key"))
	check("hmac", err)
	expect("hmac is stable", len(first) == 32 && bytes.Equal(first, second))
	check("import", c.ImportKey(ctx, other, &kes.ImportKeyRequest{Key: bytes.Repeat([]byte{7}, 32), Cipher: kes.ChaCha20}))
	info, err := c.DescribeKey(ctx, other)
	check("describe", err)
	result["imported"] = info.Algorithm.String()
	listKeys(ctx, c)
	check("delete", c.DeleteKey(ctx, other))
	_, err = c.DescribeKey(ctx, other)
	expect("describe deleted", errors.Is(err, kes.ErrKeyNotFound))
}

// An empty prefix is sent without the trailing slash and follows the server's redirect.
func listKeys(ctx context.Context, c *kes.Client) {
	iterator := kes.ListIter[string]{NextFunc: c.ListKeys}
	names := []string{}
	for name, err := iterator.Next(ctx); err != io.EOF; name, err = iterator.Next(ctx) {
		check("list", err)
		names = append(names, name)
	}
	result["names"] = names
	prefixed, _, err := c.ListKeys(ctx, "sdk-i", -1)
	check("list with prefix", err)
	result["prefixed"] = prefixed
}

func access(ctx context.Context, admin, user *kes.Client) {
	self, _, err := admin.DescribeSelf(ctx)
	check("self of admin", err)
	result["admin"] = self.IsAdmin
	self, policy, err := user.DescribeSelf(ctx)
	check("self of user", err)
	result["user"] = self.Policy
	result["allow"] = len(policy.Allow)
	_, err = user.GenerateKey(ctx, "sdk-key", nil)
	check("generate as user", err)
	expect("create as user", errors.Is(user.CreateKey(ctx, "other"), kes.ErrNotAllowed))
	full, err := admin.GetPolicy(ctx, "app")
	check("get policy", err)
	expect("policy", len(full.Allow) == len(policy.Allow))
	_, err = admin.DescribePolicy(ctx, "app")
	check("describe policy", err)
	info, err := admin.DescribeIdentity(ctx, self.Identity)
	check("describe identity", err)
	expect("identity's policy", info.Policy == "app")
	identities, _, err := admin.ListIdentities(ctx, "", -1)
	check("list identities", err)
	result["identities"] = len(identities)
	policies, _, err := admin.ListPolicies(ctx, "", -1)
	check("list policies", err)
	result["policies"] = policies
	metrics, err := admin.Metrics(ctx)
	check("metrics", err)
	expect("metrics count", metrics.RequestOK > 0 && metrics.RequestErr > 0)
}

func logs(ctx context.Context, c *kes.Client) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	stream, err := c.AuditLog(ctx)
	check("audit log", err)
	_, err = c.GenerateKey(ctx, "sdk-key", nil)
	check("generate while following", err)
	for stream.Next() {
		event := stream.Event()
		if event.APIPath != "/v1/key/generate/sdk-key" {
			continue
		}
		expect("audit event", event.StatusCode == 200 && event.ResponseTime > 0 && event.ResponseTime < time.Minute)
		result["audited"] = event.ClientIdentity.String() != ""
		check("close the stream", stream.Close())
		return
	}
	check("audit event", errors.New("the stream ended before the event"))
}

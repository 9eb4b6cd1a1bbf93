package main

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/minio/kms-go/kes"
)

// load asks for data keys without a pause until its standard input ends; several endpoints, as MinIO has them, are joined
// by commas. It counts what was answered and keeps the words of what was not.
func load(c *kes.Client, endpoints string, ended <-chan struct{}) {
	c.Endpoints = strings.Split(endpoints, ",")
	var mutex sync.Mutex
	requests, failures := 0, []string{}
	ask := func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_, err := c.GenerateKey(ctx, "sdk-key", []byte("bucket/object"))
		mutex.Lock()
		defer mutex.Unlock()
		requests++
		if err != nil {
			failures = append(failures, err.Error())
		}
	}
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
					ask()
				}
			}
		})
	}
	workers.Wait()
	result["requests"], result["failures"] = requests, failures
}

package main

// Starting goroutines, and taking turns.

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const batch = 1000

func spawnJoin(n int64) time.Duration {
	var cnt atomic.Int64
	t := time.Now()
	for left := n; left > 0; {
		b := min(left, batch)
		var wg sync.WaitGroup
		wg.Add(int(b))
		for i := int64(0); i < b; i++ {
			go func() { cnt.Add(1); wg.Done() }()
		}
		wg.Wait()
		left -= b
	}
	d := time.Since(t)
	check(cnt.Load() == n, "%d", cnt.Load())
	return d
}

func spawnSeq(n int64) time.Duration {
	c := make(chan int64)
	var sum int64
	t := time.Now()
	for i := int64(0); i < n; i++ {
		go func() { c <- i }()
		sum += <-c
	}
	d := time.Since(t)
	check(sum == triangle(n), "%d", sum)
	return d
}

func yieldPair(n int64) time.Duration {
	var wg sync.WaitGroup
	var tot atomic.Int64
	wg.Add(2)
	t := time.Now()
	for g := 0; g < 2; g++ {
		go func() {
			k := int64(0)
			for i := int64(0); i < n; i++ {
				runtime.Gosched()
				k++
			}
			tot.Add(k)
			wg.Done()
		}()
	}
	wg.Wait()
	d := time.Since(t)
	check(tot.Load() == 2*n, "")
	return d
}

func skynetNode(c chan<- int64, num, size int64) {
	if size == 1 {
		c <- num
		return
	}
	rc := make(chan int64)
	for i := int64(0); i < 10; i++ {
		go skynetNode(rc, num+i*(size/10), size/10)
	}
	var sum int64
	for i := 0; i < 10; i++ {
		sum += <-rc
	}
	c <- sum
}

func skynet(n int64) time.Duration {
	c := make(chan int64)
	t := time.Now()
	go skynetNode(c, 0, n)
	r := <-c
	d := time.Since(t)
	check(r == triangle(n), "%d", r)
	return d
}

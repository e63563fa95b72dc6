package main

// Locks.

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

type guarded struct {
	mu sync.Mutex
	n  int64
	x  uint64
}

func mutexUncontended(n int64) time.Duration {
	g := new(guarded)
	t := time.Now()
	for i := int64(0); i < n; i++ {
		g.mu.Lock()
		g.n++
		g.mu.Unlock()
	}
	d := time.Since(t)
	check(g.n == n, "")
	return d
}

func mutexContended(n int64) time.Duration {
	g := new(guarded)
	per := n / 100
	var wg sync.WaitGroup
	t := time.Now()
	for k := 0; k < 100; k++ {
		wg.Add(1)
		go func() {
			for i := int64(0); i < per; i++ {
				g.mu.Lock()
				g.n++
				g.x = work(g.x)
				g.mu.Unlock()
			}
			wg.Done()
		}()
	}
	wg.Wait()
	d := time.Since(t)
	check(g.n == per*100 && g.x == workN(per*100), "")
	return d
}

// One access in 10,000 is a write. The loop is not shared with rwmutexRead: the call of a function
// value would take as long as what is measured.
func rwmutexMostly(n int64) time.Duration {
	const every = 10000
	var mu sync.RWMutex
	val := int64(3)
	var sum atomic.Int64
	per := n / 8
	var wg sync.WaitGroup
	t := time.Now()
	for k := 0; k < 8; k++ {
		wg.Add(1)
		go func() {
			var s int64
			for i := int64(0); i < per; i++ {
				if i%every == 0 {
					mu.Lock()
					val++
					mu.Unlock()
				} else {
					mu.RLock()
					s += val
					mu.RUnlock()
				}
			}
			sum.Add(s)
			wg.Done()
		}()
	}
	wg.Wait()
	d := time.Since(t)
	writes := (per + every - 1) / every * 8
	check(val == 3+writes && sum.Load() >= (n-writes)*3, "")
	return d
}

func rwmutexRead(n int64) time.Duration {
	var mu sync.RWMutex
	val := int64(3)
	var sum atomic.Int64
	per := n / 8
	var wg sync.WaitGroup
	t := time.Now()
	for k := 0; k < 8; k++ {
		wg.Add(1)
		go func() {
			var s int64
			for i := int64(0); i < per; i++ {
				mu.RLock()
				s += val
				mu.RUnlock()
			}
			sum.Add(s)
			wg.Done()
		}()
	}
	wg.Wait()
	d := time.Since(t)
	check(sum.Load() == per*8*3, "")
	return d
}

func semContended(n int64, yield bool) time.Duration {
	sem := make(chan struct{}, 4)
	per := n / 100
	var in, bad, cnt atomic.Int64
	var acc atomic.Uint64
	var wg sync.WaitGroup
	t := time.Now()
	for k := 0; k < 100; k++ {
		wg.Add(1)
		go func() {
			var x uint64
			for i := int64(0); i < per; i++ {
				sem <- struct{}{}
				if in.Add(1) > 4 {
					bad.Add(1)
				}
				x = work(x)
				if yield {
					runtime.Gosched()
				}
				in.Add(-1)
				<-sem
			}
			cnt.Add(per)
			acc.Add(x)
			wg.Done()
		}()
	}
	wg.Wait()
	d := time.Since(t)
	check(bad.Load() == 0 && cnt.Load() == per*100 && acc.Load() == workN(per)*100, "")
	return d
}

// work is the small computation done under locks; the same in every peer.
//
//go:noinline
func work(x uint64) uint64 {
	for i := 0; i < 8; i++ {
		x = x*6364136223846793005 + 1442695040888963407
	}
	return x
}

func workN(n int64) uint64 {
	var x uint64
	for i := int64(0); i < n; i++ {
		x = work(x)
	}
	return x
}

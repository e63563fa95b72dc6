package main

// Values one after the other over channels, several goroutines on one channel, and select.

import (
	"sync"
	"sync/atomic"
	"time"
)

func pingpong(n int64, cp int) time.Duration {
	a, b := make(chan int64, cp), make(chan int64, cp)
	go func() {
		for v := range a {
			b <- v + 1
		}
		close(b)
	}()
	var sum int64
	t := time.Now()
	for i := int64(0); i < n; i++ {
		a <- i
		sum += <-b
	}
	d := time.Since(t)
	close(a)
	check(sum == triangle(n)+n, "%d", sum)
	return d
}

func tryUncontended(n int64) time.Duration {
	c := make(chan int64, 8)
	var sum int64
	t := time.Now()
	for i := int64(0); i < n; i++ {
		c <- i
		sum += <-c
	}
	d := time.Since(t)
	check(sum == triangle(n), "")
	return d
}

func fan(n int64, np, nc, cp int) time.Duration {
	c := make(chan int64, cp)
	var pw, cw sync.WaitGroup
	var sum, cnt atomic.Int64
	per := n / int64(np)
	t := time.Now()
	for p := 0; p < np; p++ {
		pw.Add(1)
		go func() {
			defer pw.Done()
			for i := int64(0); i < per; i++ {
				c <- i
			}
		}()
	}
	for q := 0; q < nc; q++ {
		cw.Add(1)
		go func() {
			defer cw.Done()
			var s, k int64
			for v := range c {
				s += v
				k++
			}
			sum.Add(s)
			cnt.Add(k)
		}()
	}
	pw.Wait()
	close(c)
	cw.Wait()
	d := time.Since(t)
	check(cnt.Load() == per*int64(np) && sum.Load() == triangle(per)*int64(np), "%d %d", cnt.Load(), sum.Load())
	return d
}

func selectN(n int64, k int) time.Duration {
	cs := make([]chan int64, k)
	per := n / int64(k)
	for i := range cs {
		cs[i] = make(chan int64)
	}
	t := time.Now()
	for i := range cs {
		c := cs[i]
		go func() {
			for j := int64(0); j < per; j++ {
				c <- j
			}
		}()
	}
	var sum int64
	tot := per * int64(k)
	if k == 2 {
		a, b := cs[0], cs[1]
		for i := int64(0); i < tot; i++ {
			select {
			case v := <-a:
				sum += v
			case v := <-b:
				sum += v
			}
		}
	} else {
		a, b, c, d, e, f, g, h := cs[0], cs[1], cs[2], cs[3], cs[4], cs[5], cs[6], cs[7]
		for i := int64(0); i < tot; i++ {
			select {
			case v := <-a:
				sum += v
			case v := <-b:
				sum += v
			case v := <-c:
				sum += v
			case v := <-d:
				sum += v
			case v := <-e:
				sum += v
			case v := <-f:
				sum += v
			case v := <-g:
				sum += v
			case v := <-h:
				sum += v
			}
		}
	}
	d := time.Since(t)
	check(sum == triangle(per)*int64(k), "%d", sum)
	return d
}

func selectDefault(n int64) time.Duration {
	c := make(chan int64, 4)
	var miss, hit int64
	t := time.Now()
	for i := int64(0); i < n; i++ {
		select {
		case <-c:
			hit++
		default:
			miss++
		}
	}
	d := time.Since(t)
	check(miss == n && hit == 0, "")
	c <- 1
	return d
}

// sieveHops returns how many times the sieve passes a value over a channel until it has found n
// primes, and the n-th prime.
func sieveHops(n int64) (hops, last int64) {
	var primes []int64
	for k := int64(2); int64(len(primes)) < n; k++ {
		i, isp := 0, true
		for ; i < len(primes); i++ {
			if k%primes[i] == 0 {
				isp = false
				break
			}
		}
		hops += int64(i) + 1
		if isp {
			primes = append(primes, k)
		}
	}
	return hops, primes[n-1]
}

func sieve(n int64) (time.Duration, int64) {
	hops, last := sieveHops(n)
	t := time.Now()
	var stop atomic.Bool
	ch := make(chan int64)
	go func(ch chan<- int64) {
		for i := int64(2); !stop.Load(); i++ {
			ch <- i
		}
	}(ch)
	var p int64
	for i := int64(0); i < n; i++ {
		p = <-ch
		nx := make(chan int64)
		go func(in <-chan int64, out chan<- int64, p int64) {
			for {
				v := <-in
				if v%p != 0 {
					out <- v
				}
			}
		}(ch, nx, p)
		ch = nx
	}
	d := time.Since(t)
	stop.Store(true)
	check(p == last, "%d", p)
	return d, hops
}

func ring(n int64) time.Duration {
	const size = 10000
	first := make(chan int64)
	done := make(chan int64)
	in := first
	for i := 0; i < size; i++ {
		out := make(chan int64)
		if i == size-1 {
			out = first
		}
		go func(in <-chan int64, out chan<- int64) {
			for {
				v, ok := <-in
				if !ok {
					return
				}
				if v == 0 {
					done <- 1
					continue
				}
				out <- v - 1
			}
		}(in, out)
		in = out
	}
	time.Sleep(20 * time.Millisecond)
	t := time.Now()
	first <- n
	r := <-done
	d := time.Since(t)
	check(r == 1, "")
	return d
}

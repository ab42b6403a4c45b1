// What a thread of backward sums over its rows.
//
//     ColumnSums    sum[column] += g * basis                       a sum for each of its eight columns
//     RunSums       head += the products of the first member's columns, tail += those of the next one's
//                                                                  a row's added in f32 first, a tree of eight
//     NoSums        nothing: the slopes are frozen
//
// RunSums is for two-byte elements in runs of eight and more, where two members meet at most in
// eight columns. A product of two f16 is exact in f32; so is one of two bf16 but where it leaves the
// range of f32. An underflow loses less than the smallest f32. An overflow leaves an infinity or a
// NaN, also where several cancel: then the row's products are added one by one in f64.
#pragma once

#include "elements.cuh"
#include "partials.cuh"

namespace prelu_mem {

struct NoSums {
    static constexpr bool LEARNED = false;

    template <class Wide>
    PRELU_MEM_DEVICE void add_row(const bool (&)[GROUP], const Wide (&)[GROUP],
                                  const Wide (&)[GROUP]) {}
};

template <class Element>
struct ColumnSums {
    using Wide = typename Element::Wide;
    using Sum = typename Element::Sum;
    static constexpr bool LEARNED = true;

    Sum column[GROUP];
    u32 cut; ///< columns of the first member

    PRELU_MEM_DEVICE explicit ColumnSums(u32 cut) : cut(cut) {
#pragma unroll
        for (u32 lane = 0; lane < GROUP; ++lane) column[lane] = Sum::zero();
    }
    PRELU_MEM_DEVICE void add_row(const bool (&positive)[GROUP], const Wide (&g)[GROUP],
                                  const Wide (&basis)[GROUP]) {
#pragma unroll
        for (u32 lane = 0; lane < GROUP; ++lane) {
            Element::add(column[lane], positive[lane], g[lane], basis[lane]);
        }
    }
    /// By column where a member is narrower than the thread's columns, else by member.
    PRELU_MEM_DEVICE void share(u32 unit, const Shared<Sum>& shared) const {
        const u32 first = threadIdx.x * GROUP;
        if (unit == 1) {
#pragma unroll
            for (u32 lane = 0; lane < GROUP; ++lane) shared.set(first + lane, column[lane]);
            return;
        }
        Sum head = Sum::zero(), tail = Sum::zero();
#pragma unroll
        for (u32 lane = 0; lane < GROUP; ++lane) {
            if (lane < cut) head.merge(column[lane]);
            else tail.merge(column[lane]);
        }
        shared.set(first, head);
        shared.set(first + 1, tail);
    }
};

template <class Element>
struct RunSums {
    using Sum = typename Element::Sum;
    static constexpr bool LEARNED = true;

    Sum head, tail;
    u32 cut;

    PRELU_MEM_DEVICE explicit RunSums(u32 cut) : head(Sum::zero()), tail(Sum::zero()), cut(cut) {}

    PRELU_MEM_DEVICE void add_row(const bool (&positive)[GROUP], const float (&g)[GROUP],
                                  const float (&basis)[GROUP]) {
        float term[GROUP], behind = 0.0f;
#pragma unroll
        for (u32 lane = 0; lane < GROUP; ++lane) {
            term[lane] = positive[lane] ? 0.0f : g[lane] * basis[lane];
        }
        if (cut < GROUP) {
            float others[GROUP];
#pragma unroll
            for (u32 lane = 0; lane < GROUP; ++lane) {
                others[lane] = lane < cut ? 0.0f : term[lane];
                if (lane >= cut) term[lane] = 0.0f;
            }
            behind = sum_of(others);
        }
        const float before = sum_of(term);
        if constexpr (!Element::EXACT_IN_WIDE) {
            if (!is_finite(before) || !is_finite(behind)) return add_one_by_one(positive, g, basis);
        }
        head.add(double(before));
        if (cut < GROUP) tail.add(double(behind));
    }
    PRELU_MEM_DEVICE void share(u32, const Shared<Sum>& shared) const {
        const u32 first = threadIdx.x * GROUP;
        shared.set(first, head);
        shared.set(first + 1, tail);
    }

private:
    PRELU_MEM_DEVICE static float sum_of(float (&term)[GROUP]) {
#pragma unroll
        for (u32 step = GROUP / 2; step > 0; step /= 2) {
#pragma unroll
            for (u32 lane = 0; lane < step; ++lane) term[lane] += term[lane + step];
        }
        return term[0];
    }
    PRELU_MEM_DEVICE static bool is_finite(float sum) { return sum - sum == 0.0f; }

    PRELU_MEM_DEVICE void add_one_by_one(const bool (&positive)[GROUP], const float (&g)[GROUP],
                                         const float (&basis)[GROUP]) {
#pragma unroll
        for (u32 lane = 0; lane < GROUP; ++lane) {
            if (positive[lane]) continue;
            const double left = double(g[lane]), right = double(basis[lane]);
            if (lane < cut) head.add_exact(left, right);
            else tail.add_exact(left, right);
        }
    }
};

/// Whether a thread's sums are by member and not by column, where members are wide enough.
template <class Element>
constexpr bool BY_RUNS = sizeof(typename Element::Storage) == 2;

/// A thread's sums, where members may be narrower than its columns or may not.
template <class Element, bool NARROW, bool RUNS = BY_RUNS<Element> && !NARROW>
struct SumsOf {
    using Type = ColumnSums<Element>;
};
template <class Element, bool NARROW>
struct SumsOf<Element, NARROW, true> {
    using Type = RunSums<Element>;
};

}  // namespace prelu_mem

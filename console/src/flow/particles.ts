import { useEffect, useRef } from 'preact/hooks';

/** Dots at most on one edge, and pixels a second that the slowest and the fastest go. */
const DOTS_MAX = 9;
const SPEED_MIN = 26;
const SPEED_MAX = 150;
const FRAME_MS = 1000 / 30;

export interface Stream {
  readonly path: string;
  readonly perSecond: number;
  readonly failing: boolean;
}

/** How many dots stand for a rate, and how fast they go: both grow with its logarithm, one a second to a million. */
function motionOf(perSecond: number): { dots: number; speed: number } {
  if (perSecond <= 0) return { dots: 0, speed: 0 };
  const share = Math.min(1, Math.max(0, (Math.log10(perSecond) + 1) / 7));
  return { dots: 1 + Math.round(share * (DOTS_MAX - 1)), speed: SPEED_MIN + share * (SPEED_MAX - SPEED_MIN) };
}

/**
 * Moves dots along the edges, in proportion to their rates. Draws straight into the group it returns a ref for: thirty frames a
 * second must not pass through the framework. Still under `prefers-reduced-motion`, and while the page is hidden.
 */
export function useParticles(streams: readonly Stream[], isStill: boolean) {
  const group = useRef<SVGGElement>(null);
  const current = useRef(streams);
  current.current = streams;
  useEffect(() => {
    const layer = group.current;
    if (!layer || isStill) return;
    const lanes: Lane[] = [];
    let last = 0;
    let frame = requestAnimationFrame(draw);
    function draw(now: number) {
      frame = requestAnimationFrame(draw);
      if (now - last < FRAME_MS) return;
      const seconds = Math.min(0.1, (now - last) / 1000);
      last = now;
      current.current.forEach((stream, index) => {
        lanes[index] ??= new Lane(layer!);
        lanes[index].move(stream, seconds);
      });
      for (const lane of lanes.slice(current.current.length)) lane.clear();
    }
    return () => {
      cancelAnimationFrame(frame);
      layer.replaceChildren();
    };
  }, [isStill]);
  return group;
}

const SVG = 'http://www.w3.org/2000/svg';

class Lane {
  readonly #layer: SVGGElement;
  readonly #measure = document.createElementNS(SVG, 'path');
  readonly #dots: SVGCircleElement[] = [];
  #path = '';
  #length = 0;
  #travelled = 0;

  constructor(layer: SVGGElement) {
    this.#layer = layer;
  }

  move({ path, perSecond, failing }: Stream, seconds: number): void {
    if (path !== this.#path) {
      this.#path = path;
      this.#measure.setAttribute('d', path);
      this.#length = path ? this.#measure.getTotalLength() : 0;
    }
    const { dots, speed } = motionOf(this.#length > 0 ? perSecond : 0);
    // Short edges carry fewer, so that dots never touch.
    this.#hold(Math.min(dots, Math.ceil(this.#length / 14)));
    this.#travelled += speed * seconds;
    this.#dots.forEach((dot, index) => {
      const at = (this.#travelled + (index * this.#length) / this.#dots.length) % this.#length;
      const { x, y } = this.#measure.getPointAtLength(at);
      dot.setAttribute('cx', x.toFixed(1));
      dot.setAttribute('cy', y.toFixed(1));
      dot.setAttribute('class', failing ? 'dot failing' : 'dot');
    });
  }

  clear(): void {
    this.#hold(0);
  }

  #hold(count: number): void {
    while (this.#dots.length > count) this.#dots.pop()!.remove();
    while (this.#dots.length < count) {
      const dot = document.createElementNS(SVG, 'circle');
      dot.setAttribute('r', '2.6');
      this.#layer.append(dot);
      this.#dots.push(dot);
    }
  }
}

import { BarChart, LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, TooltipComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { $$ } from "./dom.js";

use([BarChart, LineChart, GridComponent, LegendComponent, TooltipComponent, CanvasRenderer]);

const drawn = new Map();
const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const tones = ["teal", "amber", "blue", "red", "violet", "green", "pink", "neutral"];

function options({ kind, unit, labels, series }) {
  const ink = token("--color-base-content");
  const muted = token("--muted");
  const line = token("--line");
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const common = {
    animation: !still,
    animationDuration: 300,
    color: tones.map((tone) => token(`--${tone}-dot`)),
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: ink },
    tooltip: {
      renderMode: "richText",
      trigger: "axis",
      confine: true,
      backgroundColor: token("--color-base-100"),
      borderColor: line,
      textStyle: { color: ink, fontSize: 13 },
    },
  };
  const stack = kind === "stack" ? "all" : undefined;
  return {
    ...common,
    legend: series.length > 1 ? { bottom: 0, textStyle: { color: ink }, itemWidth: 12, itemHeight: 8, icon: "roundRect" } : undefined,
    grid: { left: 8, right: 12, top: unit ? 30 : 12, bottom: series.length > 1 ? 34 : 4, containLabel: true },
    xAxis: { type: "category", data: labels, axisLine: { lineStyle: { color: line } }, axisTick: { show: false }, axisLabel: { color: muted } },
    yAxis: { type: "value", name: unit, nameTextStyle: { color: muted, align: "left" }, splitLine: { lineStyle: { color: line } }, axisLabel: { color: muted } },
    series: series.map((one) => {
      const type = one.kind ?? (kind === "line" ? "line" : "bar");
      const shape = type === "bar" ? { barMaxWidth: 28, itemStyle: { borderRadius: stack ? 0 : [3, 3, 0, 0] } } : { symbolSize: 6, lineStyle: { width: 2 } };
      return { name: one.name, type, stack, data: one.values, ...shape };
    }),
  };
}

function draw(node) {
  const chart = init(node, null, { renderer: "canvas" });
  chart.setOption(options(JSON.parse(node.dataset.chart)));
  drawn.set(node, chart);
  new ResizeObserver(() => (node.isConnected ? chart.resize() : drawn.delete(node))).observe(node);
}

const seen = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    seen.unobserve(target);
    if (!drawn.has(target)) draw(target);
  }
}, { rootMargin: "120px" });

export function start() {
  for (const node of $$("[data-chart]")) if (!drawn.has(node)) seen.observe(node);
}

document.addEventListener("zk:theme", () => {
  for (const [node, chart] of drawn) chart.setOption(options(JSON.parse(node.dataset.chart)));
});

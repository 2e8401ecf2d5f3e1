// Grafana's own types for a dashboard, made strict: the panels are those kinds that this project uses, each
// with the options and field settings of its kind. The test puts the dashboard's JSON behind this text and
// has the compiler check it.

import type { Dashboard, FieldConfig, GraphFieldConfig, GridPos, Panel, RowPanel } from "@grafana/schema";
import type {
  FieldConfig as HeatmapField,
  Options as Heatmap,
} from "@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen";
import type { Options as Stat } from "@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type { Options as TimeSeries } from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";

/** In JSON the values of an enumeration are plain texts. */
type Json<T> = T extends string
  ? `${T}`
  : T extends (infer Item)[]
    ? Json<Item>[]
    : T extends object
      ? { [Key in keyof T]: Json<T[Key]> }
      : T;

/** A query for Prometheus; the package has no type of it. */
interface Query {
  refId: string;
  datasource: { type: "prometheus"; uid: "${datasource}" };
  expr: string;
  legendFormat: string;
  instant: boolean;
  range: boolean;
  format?: "heatmap";
}

interface Kind<Type extends string, Options, Custom>
  extends Omit<Panel, "type" | "options" | "fieldConfig" | "targets"> {
  id: number;
  type: Type;
  title: string;
  gridPos: GridPos;
  options: Options;
  fieldConfig: { defaults: Omit<FieldConfig, "custom"> & { custom?: Custom }; overrides: never[] };
  targets: Query[];
}

interface Checked extends Omit<Dashboard, "panels"> {
  uid: string;
  title: string;
  panels: (
    | RowPanel
    | Kind<"stat", Stat, never>
    | Kind<"timeseries", TimeSeries, GraphFieldConfig>
    | Kind<"heatmap", Heatmap, HeatmapField>
  )[];
}

type Checkable = Json<Checked>;

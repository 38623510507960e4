export { startStation, type Station, type StationOptions } from './station.ts';
